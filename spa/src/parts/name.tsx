// Text that a user chose, isolated: its direction cannot reorder the words around it.

export function Name({ children }: { readonly children: string }) {
  return <bdi className="breakable">{children}</bdi>;
}
