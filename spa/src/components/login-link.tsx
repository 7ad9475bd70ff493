// Link to the login, which returns to the current page. A navigation started by the user (ASVS 7.6.2).
import { gateway } from "../paths.ts";
import { useReturnPath } from "../session/return-path.ts";

interface LoginLinkProps {
  readonly label?: string;
  readonly className?: string;
}

export function LoginLink({ label = "Log in", className = "button button-main" }: LoginLinkProps) {
  const returnPath = useReturnPath();
  return (
    <a className={className} href={gateway.login(returnPath)}>
      {label}
    </a>
  );
}
