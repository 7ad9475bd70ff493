// Some of Keycloak 26's labels belong to no field, on the pages of one-time codes: who does not see them hears nothing.
document.addEventListener("DOMContentLoaded", () => {
  for (const id of ["totp", "userLabel", "kc-attempted-username"]) {
    const group = document.getElementById(id)?.closest(".pf-v5-c-form__group");
    group?.querySelector("label")?.setAttribute("for", id);
  }
});
