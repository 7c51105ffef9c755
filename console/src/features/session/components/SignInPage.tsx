import { Alert, Button, Paper, PasswordInput, Stack, Text, TextInput, Title } from "@mantine/core";
import { type FormEvent, useEffect, useState } from "react";
import { Navigate, useSearchParams } from "react-router";
import { sentence } from "~/components/States.tsx";
import { Problem, Unreachable } from "~/lib/api/client.ts";
import { useServices, useUser } from "~/lib/context.tsx";
import { text } from "~/lib/text.ts";
import { useSignIn } from "../api/signIn.ts";
import classes from "./SignInPage.module.css";

export function SignInPage() {
  const user = useUser();
  const [query] = useSearchParams();
  const { config } = useServices();
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const signIn = useSignIn();
  useEffect(() => {
    document.title = `${text.session.title} · ${text.product}`;
  }, []);
  if (user) return <Navigate to={inside(query.get("to"))} replace />;

  const submit = (event: FormEvent) => {
    event.preventDefault();
    signIn.mutate({ email, password });
  };
  return (
    <main className={classes.page}>
      <Paper component="form" onSubmit={submit} className={`panel ${classes.form}`}>
        <Stack gap="sm">
          <div>
            <img src="/icon.svg" alt="" width={32} height={32} />
            <Title order={1} mt={6}>
              {text.product}
            </Title>
            <Text size="sm" c="dimmed">
              {text.session.lead}
            </Text>
          </div>
          {signIn.error && (
            <Alert color="red" variant="light" role="alert" title={text.session.failed}>
              {told(signIn.error)}
            </Alert>
          )}
          <TextInput
            label={text.session.email}
            type="email"
            autoComplete="username"
            required
            value={email}
            onChange={(event) => setEmail(event.currentTarget.value)}
            data-autofocus
          />
          <PasswordInput
            label={text.session.password}
            autoComplete="current-password"
            visibilityToggleButtonProps={{ "aria-label": text.session.show }}
            required
            value={password}
            onChange={(event) => setPassword(event.currentTarget.value)}
          />
          <Button type="submit" loading={signIn.isPending} mt={4}>
            {text.session.submit}
          </Button>
          {isLocal(config.http) && (
            <Text size="xs" c="dimmed">
              {text.session.local}
            </Text>
          )}
        </Stack>
      </Paper>
    </main>
  );
}

function told(error: unknown): string {
  if (error instanceof Unreachable) return text.states.unreachable;
  return error instanceof Problem ? sentence(error.message) : text.states.failed;
}

/** Only a page of this console: an address from elsewhere is no place to go to. */
function inside(to: string | null): string {
  if (!to?.startsWith("/") || !URL.canParse(to, location.origin)) return "/";
  // As a browser reads it: it leaves out control characters, and takes \ for /.
  const { origin, pathname, search, hash } = new URL(to, location.origin);
  return origin === location.origin && !pathname.startsWith("//") ? pathname + search + hash : "/";
}

function isLocal(address: string): boolean {
  return ["127.0.0.1", "localhost", "[::1]"].includes(new URL(address).hostname);
}
