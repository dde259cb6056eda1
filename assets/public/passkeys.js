// Passkeys: what a form asks for goes to the browser, and what the browser answers goes into the form, which is sent then. Without
// scripts, or in a browser without passkeys, the forms stay out of sight.
"use strict";

const bytes = (text) => {
  const letters = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
};

const text = (buffer) => {
  const letters = Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join("");
  return btoa(letters).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
};

const keys = (named) => (named ?? []).map((key) => ({ ...key, id: bytes(key.id) }));

const ask = (asked) => {
  const publicKey = { ...asked, challenge: bytes(asked.challenge) };
  if (asked.user) {
    publicKey.user = { ...asked.user, id: bytes(asked.user.id) };
    publicKey.excludeCredentials = keys(asked.excludeCredentials);
    return navigator.credentials.create({ publicKey });
  }
  publicKey.allowCredentials = keys(asked.allowCredentials);
  return navigator.credentials.get({ publicKey });
};

const PARTS = ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"];

const written = ({ id, rawId, type, response }) => {
  const present = PARTS.filter((part) => response[part]);
  const parts = Object.fromEntries(present.map((part) => [part, text(response[part])]));
  return JSON.stringify({ id, rawId: text(rawId), type, response: parts });
};

const begin = async (form) => {
  if (form.dataset.options) return JSON.parse(form.dataset.options);
  const answer = await fetch(form.dataset.passkey, { method: "POST" });
  if (!answer.ok) throw new Error(answer.statusText);
  const { ticket, options } = await answer.json();
  form.elements.ticket.value = ticket;
  return options;
};

for (const form of document.querySelectorAll("form[data-passkey]")) {
  if (!window.PublicKeyCredential) continue;
  form.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const status = form.querySelector("[role=status]");
    status.textContent = "";
    try {
      const options = await begin(form);
      form.elements.answer.value = written(await ask(options.publicKey));
      form.submit();
    } catch {
      status.textContent = "The browser gave no passkey. Try again, or use another way.";
    }
  });
}
