const button = document.querySelector("#call");
button.addEventListener("click", async () => {
  // The page was rendered for this session: the gateway rejects the request if another user has logged in since.
  const headers = { "X-CSRF": "1", "X-Session-Handle": button.dataset.session };
  const response = await fetch("/api/hello", { headers });
  document.querySelector("#greeting").textContent = response.ok
    ? `The API greets ${(await response.json()).hello}`
    : `Status ${response.status}`;
});
