// vite-plugin-pwa adds the script that registers the service worker.
document.getElementById("root").innerText = "Offline shell";
