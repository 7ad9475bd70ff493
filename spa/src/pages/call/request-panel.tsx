// The request: headers that the script sets, and headers added where scripts cannot see them.
import { useSession } from "../../session/session.ts";

export function RequestPanel({ path, isSent }: { readonly path: string; readonly isSent: boolean }) {
  const { session } = useSession();
  const headers = {
    Accept: "application/json",
    "X-CSRF": "1",
    // Names the session that this page was rendered for: the gateway rejects the request if another has replaced it.
    ...(session === null ? {} : { "X-Session-Handle": session.handle }),
  };
  return (
    <section className="panel" aria-labelledby="request-heading">
      <div className="section-head">
        <h2 id="request-heading">Request</h2>
        <p className="quiet">{isSent ? "As this page sent it." : "As this page will send it."}</p>
      </div>
      <p className="wire-line">
        <strong>GET</strong> <span className="breakable">{path}</span>
      </p>
      <dl className="wire">
        {Object.entries(headers).map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
        <div>
          <dt>Cookie</dt>
          <dd className="header-hidden">added by the browser; no script can read it</dd>
        </div>
        <div>
          <dt>Authorization</dt>
          <dd className="header-hidden">none; the gateway adds it on the way to the API</dd>
        </div>
      </dl>
    </section>
  );
}
