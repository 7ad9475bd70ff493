// Submits the form on load. Without JavaScript the user presses the button.
document.querySelector("form")?.requestSubmit(document.querySelector("button"));
