// Link to the login, which returns to the current page. A navigation started by the user (ASVS 7.6.2).
import { useReturnPath } from "../session/return-path.ts";
import { client } from "../session/session.ts";

interface LoginLinkProps {
  readonly label?: string;
  readonly className?: string;
}

export function LoginLink({ label = "Log in", className = "button button-main" }: LoginLinkProps) {
  const returnPath = useReturnPath();
  return (
    <a className={className} href={client.loginUrl({ returnTo: returnPath })}>
      {label}
    </a>
  );
}
