// Diagram of a login and an API call, for wide and narrow screens, with a text alternative.
import { Arrow, Box } from "./flow-shapes.tsx";

export function FlowDiagram() {
  return (
    <figure className="flow">
      <WideFlow />
      <TallFlow />
      <figcaption>
        <p className="visually-hidden">The same in words:</p>
        <ol className="flow-words">
          <li>
            <strong>Login.</strong> The browser goes to the provider. The password is typed there and nowhere else.
          </li>
          <li>
            <strong>Code.</strong> The browser brings back a one-time code, useless without the gateway’s own secret.
          </li>
          <li>
            <strong>Tokens.</strong> The gateway exchanges the code for tokens, directly with the provider.
          </li>
          <li>
            <strong>Vault.</strong> The tokens go into Redis, encrypted with a key that needs this session’s cookie.
          </li>
          <li>
            <strong>Cookie.</strong> The browser gets a random number that no script can read: the ticket.
          </li>
          <li>
            <strong>Bearer.</strong> A call shows the cookie to the gateway, which passes it on to the API with the
            bearer token instead.
          </li>
        </ol>
      </figcaption>
    </figure>
  );
}

const diagramLabel =
  "Flow: the browser exchanges a cookie with the gateway; code, tokens and bearer travel behind it, between gateway, provider, Redis and API.";

function WideFlow() {
  return (
    <svg className="flow-wide" viewBox="0 0 960 430" role="img" aria-label={diagramLabel}>
      <rect className="flow-behind" x="356" y="64" width="600" height="362" rx="10" />
      <text className="flow-caption" x="476" y="408" textAnchor="middle">
        no script reaches in here
      </text>
      <Box at={[4, 100, 190, 270]} name="Browser" note="keeps a ticket" kind="browser" />
      <Box at={[380, 100, 190, 270]} name="Gateway" note="keeps the coat" kind="gateway" />
      <Box at={[770, 90, 166, 86]} name="Provider" note="knows the password" />
      <Box at={[770, 203, 166, 86]} name="Redis" note="encrypted vault" />
      <Box at={[770, 316, 166, 86]} name="API" note="checks the bearer" />
      <path className="flow-line" d="M100 100V34H853V82" />
      <path className="flow-head" d="M853 90l-5-9h10z" />
      <text className="flow-label" x="476" y="24" textAnchor="middle">
        <tspan className="flow-step">1</tspan> login
      </text>
      <Arrow from={[194, 160]} to={[380, 160]} step="2" label="code" />
      <Arrow from={[380, 235]} to={[194, 235]} step="5" label="cookie" />
      <Arrow from={[194, 310]} to={[380, 310]} step="6" label="call + cookie" />
      <Arrow from={[570, 120]} to={[770, 120]} step="3" label="code + secret" />
      <Arrow from={[770, 160]} to={[570, 160]} step="3" label="tokens" />
      <Arrow from={[570, 246]} to={[770, 246]} step="4" label="tokens, encrypted" />
      <Arrow from={[570, 359]} to={[770, 359]} step="6" label="call + bearer" />
    </svg>
  );
}

function TallFlow() {
  return (
    <svg className="flow-tall" viewBox="0 0 340 560" role="img" aria-label={diagramLabel}>
      <rect className="flow-behind" x="24" y="196" width="314" height="360" rx="10" />
      <text className="flow-caption" x="181" y="545" textAnchor="middle">
        no script reaches in here
      </text>
      <Box at={[24, 4, 313, 76]} name="Browser" note="keeps a ticket" kind="browser" />
      <Box at={[36, 212, 290, 76]} name="Gateway" note="keeps the coat" kind="gateway" />
      <Box at={[36, 436, 90, 76]} name="Provider" />
      <Box at={[136, 436, 90, 76]} name="Redis" />
      <Box at={[236, 436, 90, 76]} name="API" />
      <path className="flow-line" d="M24 42H8V474H28" />
      <path className="flow-head" d="M36 474l-9-5v10z" />
      <text className="flow-label" x="14" y="104">
        <tspan className="flow-step">1</tspan> login
      </text>
      <Arrow from={[70, 80]} to={[70, 212]} step="2" label="code" />
      <Arrow from={[160, 212]} to={[160, 80]} step="5" label="cookie" />
      <Arrow from={[250, 80]} to={[250, 212]} step="6" label="cookie" />
      <Arrow from={[48, 288]} to={[48, 436]} step="3" label="code" labelAt={[55, 330]} />
      <Arrow from={[122, 436]} to={[122, 288]} step="3" label="tokens" labelAt={[55, 400]} />
      <Arrow from={[146, 288]} to={[146, 436]} step="4" label="tokens" />
      <Arrow from={[246, 288]} to={[246, 436]} step="6" label="bearer" />
    </svg>
  );
}
