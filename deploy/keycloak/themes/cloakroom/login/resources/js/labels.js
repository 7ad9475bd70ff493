// Accessibility: some labels on Keycloak 26's one-time code pages lack `for`, so screen readers do not announce them.
document.addEventListener("DOMContentLoaded", () => {
  for (const id of ["totp", "userLabel", "kc-attempted-username"]) {
    const group = document.getElementById(id)?.closest(".pf-v5-c-form__group");
    group?.querySelector("label")?.setAttribute("for", id);
  }
});
