// An OpenID provider (panva's oidc-provider) for the end-to-end test: node server.mjs PORT REDIRECT.
// Whoever types a name is signed in by it, on the provider's own pages for development.
import Provider from 'oidc-provider';

const [port, redirect] = process.argv.slice(2);

const provider = new Provider(`http://localhost:${port}`, {
  clients: [{ client_id: 'sconce', client_secret: 'a secret of the client', redirect_uris: [redirect] }],
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
  cookies: { keys: ['for the test alone'] },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, email: `${id}@example.com`, email_verified: true, name: `${id} of Example` }),
  }),
});

provider.listen(Number(port), 'localhost', () => console.log('listening'));
