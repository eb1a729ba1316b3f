// node-oidc-provider as its documentation sets it up for this: one client, private_key_jwt with ES256, client
// credentials, a resource server whose access tokens are JWTs signed with ES256. Its own memory adapter: nothing durable.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [folder, port, file] = process.argv.slice(2);
const given = createRequire(join(folder, "package.json"));
const { Provider } = await import(pathToFileURL(given.resolve("oidc-provider")).href);
const { client_id, scope, jwks, signing } = JSON.parse(readFileSync(file, "utf8"));

const issuer = `http://127.0.0.1:${port}`;
const provider = new Provider(issuer, {
  clients: [{
    client_id, jwks, scope, token_endpoint_auth_method: "private_key_jwt", token_endpoint_auth_signing_alg: "ES256",
    id_token_signed_response_alg: "ES256", grant_types: ["client_credentials"], response_types: [], redirect_uris: [],
  }],
  scopes: [scope],
  jwks: { keys: [signing] },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => issuer,
      getResourceServerInfo: () => ({
        scope, audience: issuer, accessTokenTTL: 300, accessTokenFormat: "jwt", jwt: { sign: { alg: "ES256" } },
      }),
    },
  },
});
provider.listen(Number(port), "127.0.0.1");
