// Submits the page's form at once; without script the person presses the button.
document.querySelector("form")?.requestSubmit(document.querySelector("button"));
