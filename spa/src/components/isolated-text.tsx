// Text that a user or an API controls, isolated so that its direction cannot reorder the text around it (HTML `bdi`).

export function IsolatedText({ children }: { readonly children: string }) {
  return <bdi className="breakable">{children}</bdi>;
}
