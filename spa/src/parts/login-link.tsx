// Logging in is a real navigation, started by the person (ASVS 7.6.2), that leads back to this very page.
import { gateway } from "../paths.ts";
import { useReturnPath } from "../session/use-return-path.ts";

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
