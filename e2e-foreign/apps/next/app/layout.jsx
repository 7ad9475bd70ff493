import { Providers } from "./providers.jsx";

export const metadata = { title: "Next.js" };

export default function Layout({ children }) {
  return (
    <html lang="en">
      <body>
        <Providers>{children}</Providers>
      </body>
    </html>
  );
}
