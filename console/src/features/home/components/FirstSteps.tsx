import { Button, CopyButton, Text } from "@mantine/core";
import { useServices } from "~/lib/context.tsx";
import { text } from "~/lib/text.ts";
import classes from "./Home.module.css";

/** From nothing to a live number, with what any program would send. */
export function FirstSteps({ isOpen }: { isOpen: boolean }) {
  const { config } = useServices();
  const send = (path: string, body: string) =>
    `curl -s -H "authorization: Bearer $TOKEN" -H 'content-type: application/json' \\\n  ${config.http}${path} -d '${body}'`;
  const steps = [
    {
      title: text.home.step.entity,
      hint: text.home.step.entityHint,
      command: send(
        "/v1/entities",
        '{"code":"Order","domain":"sales","time":"ordered_at","attributes":[{"name":"amount","type":"decimal","required":true},{"name":"region","type":"text","dimension":true}],"groupings":[{"dimensions":["region"]}]}',
      ),
    },
    {
      title: text.home.step.kpi,
      hint: text.home.step.kpiHint,
      command: send("/v1/kpis", '{"code":"REVENUE","name":"Revenue","unit":"EUR","formula":"SUM(Order.amount)","direction":"higher_is_better"}'),
    },
    {
      title: text.home.step.events,
      hint: text.home.step.eventsHint,
      command: send("/v1/events/Order", `[{"ordered_at":"'$(date -u +%FT%TZ)'","amount":"120.50","region":"north"}]`),
    },
  ];
  return (
    <details className={`panel ${classes.steps}`} open={isOpen}>
      <summary>{text.home.steps}</summary>
      <Text size="sm" c="dimmed" mt={4}>
        {text.home.stepsLead} {text.home.token}
      </Text>
      <ol>
        {steps.map(({ title, hint, command }) => (
          <li key={title}>
            <strong>{title}.</strong> {hint}
            <div className={classes.command}>
              {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls sideways is reached by keyboard too */}
              <pre tabIndex={0}>{command}</pre>
              <CopyButton value={command}>
                {({ copied, copy }) => (
                  <Button size="compact-xs" variant="default" onClick={copy}>
                    {copied ? text.ask.copied : text.copy}
                  </Button>
                )}
              </CopyButton>
            </div>
          </li>
        ))}
        <li>
          <strong>{text.home.step.watch}.</strong> {text.home.step.watchHint}
        </li>
      </ol>
    </details>
  );
}
