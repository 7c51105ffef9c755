import { Button, MultiSelect, SegmentedControl, Select, Stack, TagsInput, Text, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { type Kpi, useDimensionValues } from "~/lib/api/queries.ts";
import { useSharedDimensions } from "~/lib/dimensions.ts";
import { type OfferedPeriod, PERIODS } from "~/lib/periods.ts";
import { text } from "~/lib/text.ts";
import { type Asked, MOST_KPIS, PRESETS, type Preset, rangeOf } from "../question.ts";
import classes from "./Ask.module.css";

const MOST_OPTIONS = 50;

interface QuestionFormProps {
  readonly asked: Asked;
  readonly kpis: readonly Kpi[];
  readonly isAsking: boolean;
  readonly ask: (asked: Asked) => void;
}

export function QuestionForm({ asked, kpis, isAsking, ask }: QuestionFormProps) {
  const [question, setQuestion] = useState(asked);
  const change = (some: Partial<Asked>) => setQuestion((before) => ({ ...before, ...some }));
  const { filter } = question;
  const dimensions = useSharedDimensions(kpis.filter((kpi) => question.kpis.includes(kpi.code)));
  const values = useDimensionValues(question.kpis[0], filter?.dimension);
  const isBackwards = question.preset === "own" && question.from !== "" && question.to !== "" && rangeOf(question, Date.now()) === null;
  const isWhole = question.kpis.length > 0 && rangeOf(question, Date.now()) !== null;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (isWhole) ask(question);
  };
  return (
    <form className={`panel ${classes.form}`} onSubmit={submit}>
      <Stack gap="sm">
        <MultiSelect
          label={text.ask.kpis}
          description={text.ask.kpisHint(MOST_KPIS)}
          searchable
          limit={MOST_OPTIONS}
          maxValues={MOST_KPIS}
          data={kpis.map((kpi) => ({ value: kpi.code, label: kpi.name }))}
          value={[...question.kpis]}
          onChange={(chosen) => change({ kpis: chosen })}
        />
        <div>
          <Text size="sm" fw={500} id="period">
            {text.ask.period}
          </Text>
          <SegmentedControl
            fullWidth
            size="xs"
            aria-labelledby="period"
            value={question.period}
            onChange={(period) => change({ period: period as OfferedPeriod })}
            data={PERIODS.map((value) => ({ value, label: text.periods[value] }))}
          />
        </div>
        <Select
          label={text.ask.presets}
          allowDeselect={false}
          data={PRESETS.map((value) => ({ value, label: text.ask.preset[value] }))}
          value={question.preset}
          onChange={(preset) => preset && change({ preset: preset as Preset })}
        />
        {question.preset === "own" && (
          <>
            <TextInput
              type="datetime-local"
              label={text.ask.from}
              value={question.from}
              onChange={(event) => change({ from: event.currentTarget.value })}
              required
            />
            <TextInput
              type="datetime-local"
              label={text.ask.to}
              value={question.to}
              error={isBackwards ? text.ask.backwards : undefined}
              onChange={(event) => change({ to: event.currentTarget.value })}
              required
            />
          </>
        )}
        <Select
          label={text.ask.split}
          placeholder={text.ask.none}
          clearable
          data={dimensions ?? (question.by ? [question.by] : [])}
          value={question.by}
          onChange={(by) => change({ by })}
          disabled={question.kpis.length === 0}
        />
        <Select
          label={text.ask.filter}
          placeholder={text.ask.none}
          clearable
          data={dimensions ?? (filter ? [filter.dimension] : [])}
          value={filter?.dimension ?? null}
          onChange={(dimension) => change({ filter: dimension ? { dimension, values: [] } : null })}
          disabled={question.kpis.length === 0}
        />
        {filter && (
          <TagsInput
            aria-label={text.dashboard.values}
            placeholder={text.dashboard.values}
            data={values.data ?? []}
            limit={MOST_OPTIONS}
            value={[...filter.values]}
            onChange={(chosen) => change({ filter: { ...filter, values: chosen } })}
          />
        )}
        <Button type="submit" disabled={!isWhole} loading={isAsking && isWhole}>
          {text.ask.submit}
        </Button>
      </Stack>
    </form>
  );
}
