// Calm and dense: greys, one accent, and colour beside it only where it says how something stands.
import { createTheme, type MantineColorsTuple } from "@mantine/core";

const accent: MantineColorsTuple = ["#edf4fb", "#dbe7f3", "#b5cfe7", "#8cb5db", "#69a0d1", "#5293cb", "#3d82bf", "#2563a8", "#205a99", "#144b86"];

/** Mantine's greys of the dark scheme, in the tint of the surfaces (styles.css). */
const dark: MantineColorsTuple = ["#d5dae1", "#a3adba", "#8a95a3", "#5f6975", "#3d454f", "#30363e", "#262b31", "#1d2126", "#181b20", "#15181c"];

export const theme = createTheme({
  primaryColor: "accent",
  colors: { accent, dark },
  primaryShade: 7,
  defaultRadius: "sm",
  fontFamily: 'system-ui, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", Arial, sans-serif',
  fontFamilyMonospace: 'ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "Liberation Mono", monospace',
  headings: { fontWeight: "600", sizes: { h1: { fontSize: "1.375rem" }, h2: { fontSize: "1rem" }, h3: { fontSize: "0.875rem" } } },
  cursorType: "pointer",
  respectReducedMotion: true,
  components: {
    Anchor: { defaultProps: { underline: "always" } },
    ActionIcon: { defaultProps: { variant: "subtle", color: "gray" } },
    InputWrapper: { defaultProps: { withAsterisk: false } },
    Button: { defaultProps: { size: "sm" } },
    Tooltip: { defaultProps: { openDelay: 300, withArrow: true, events: { hover: true, focus: true, touch: true } } },
    Modal: { defaultProps: { centered: true, overlayProps: { backgroundOpacity: 0.4 } } },
  },
});
