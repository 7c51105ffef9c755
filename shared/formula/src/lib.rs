//! The formula language: text -> tree and diagnostics -> checked formula -> measures and a finishing expression.
//!
//! Two kinds of text are compiled here. A *KPI formula* is arithmetic over aggregates of entities, `COUNT(Flight WHERE
//! on_time) / COUNT(Flight)`: [`compile`] splits it into [`Measure`]s, which somebody else computes, and a [`Finish`],
//! which turns their values into the KPI's value. A *derived attribute* is an expression over one row, `delay < 15`:
//! [`compile_row`] turns it into a [`RowFormula`]. Filters (`WHERE`) and derived attributes share their operators and
//! three-valued logic ([`Scalar`]).
//!
//! Everything here is pure: no clock, no I/O, no floats, and no input makes it panic. Whatever the text, [`parse`]
//! returns a tree and every [`Diagnostic`] it can find, each with a span, a cause and where possible a hint.
//!
//! The map, one concern a file: `lexer` -> `parser` (with `call`, `case` and `between`) -> `tree` (printed by `print`) -> `check` for KPI
//! formulas, `resolve` for what stands in one row -> `measure`, `finish`, `predicate`, `row`. Functions of values are listed in
//! `function`, those of numbers in `numeric`, those of other periods in `window`, those over the values of shorter ones, or of each value of a dimension, in `fold` and `scope`, and what is taken of states in `basis`. A KPI that another one's formula names is put in
//! its place (`reference`). A name with points in it goes along relationships to what is known of another object (`path`). What units attributes declare is followed by `unit`. What a formula does that its author may not expect is said by `advice`, what may stand at
//! a place of one by `complete`, and what the database has to decide of each fact by `pushed`. A new operator is a line
//! in `tree`, its power in the parser's table, and a line in each of the flat matches of `resolve` or `check` and of
//! the evaluators.
//!
//! The lexer and the Pratt loop are written by hand instead of with winnow. A combinator reports a failure by returning
//! it, and the alternatives around it backtrack; here a missing operand must be reported, become an error node, and let
//! parsing go on at the same token. With that recovery in place what is left of the Pratt parser is one loop of a dozen
//! lines.

mod advice;
mod aggregate;
mod basis;
mod between;
mod call;
mod case;
mod check;
mod choice;
mod complete;
mod diagnostic;
mod finish;
#[cfg(test)]
mod fixtures;
mod fold;
mod function;
mod lexer;
mod measure;
mod number;
mod numeric;
mod parser;
mod path;
mod period;
mod predicate;
mod print;
mod pushed;
mod reference;
mod rename;
mod resolve;
mod restrict;
mod row;
mod scalar;
mod scope;
mod suggest;
mod text;
mod tree;
mod unit;
mod value;
mod window;

pub use advice::{advise, advise_row};
pub use aggregate::Aggregate;
pub use basis::Basis;
pub use check::{check, check_bound, check_known, compile};
pub use choice::{Choice, Condition};
pub use complete::{Completion, CompletionKind, Completions, MAX_COMPLETIONS, MAX_FORGIVEN, Subject, complete};
pub use diagnostic::{Diagnostic, utf16_position, utf16_span};
pub use finish::{Finish, Values};
pub use fold::{Fold, FoldFunction, MAX_FOLDS, Over};
pub use function::{Function, MAX_ARGUMENTS};
pub use lexer::is_keyword;
pub use measure::{Formula, Measure, Measured, Reading, Second};
pub use number::{MAX_DIGITS, MAX_POWER, NoNumber, Number, ROUNDED_DIGITS};
pub use numeric::{MAX_PLACES, Numeric};
pub use parser::{Parsed, parse};
pub use path::{PathStep, is_path, lookups, path_steps};
pub use period::{Period, UnknownPeriod};
pub use predicate::Predicate;
pub use print::format;
pub use reference::{Referred, references, rename_kpi};
pub use rename::{Renames, rename, rename_row};
pub use restrict::Restrictions;
pub use row::{RowFormula, compile_row};
pub use scalar::Scalar;
pub use scope::{MAX_MEMBER_DIMENSIONS, Reads, Scope};
pub use suggest::closest;
pub use text::TextTest;
pub use tree::{Argument, Arithmetic, BinaryOperator, Call, Comparison, Expr, Ident, Node, UnaryOperator};
pub use unit::{Unit, is_currency, unit_mistakes_of_row};
pub use value::{Attribute, AttributeType, Entities, Leads, Value};
pub use window::{MAX_STEP, MAX_STEPS, MAX_WINDOWS, Open, Step, Window, WindowFunction};

/// The longest text of a formula in bytes: 4 KiB hold about 100 aggregates, three times what [`MAX_MEASURES`] allows.
pub const MAX_LENGTH: usize = 4_096;

/// How deep parentheses, calls, lists and unary operators may nest. A level costs the parser at most one frame for each
/// of its 7 powers, so 32 levels are at most 224 small frames.
pub const MAX_DEPTH: usize = 32;

/// The most binary operators in one formula. A chain `1 + 1 + …` makes the tree as deep as it is long, so this bounds
/// what walking a tree costs: (512 + 32 levels) x under 1 KiB a frame stay well inside the 2 MiB stack of a worker
/// thread.
pub const MAX_OPERATORS: usize = 512;

/// The most logarithms, exponentials and powers in one formula. Each takes some hundred times as long as a multiplication, and is computed for every bucket of an
/// answer, or for every event.
pub const MAX_POWERS: usize = 8;

/// The most distinct measures of one formula: each is a column of a plan, and a dashboard asks for over 100 formulas at
/// once.
pub const MAX_MEASURES: usize = 32;

/// The most steps of one path: an order's customer's country's region. Each is one more object that is looked up for a fact.
pub const MAX_PATH_STEPS: usize = 3;

/// The most different objects that are looked up for the facts of one formula, or of one question of it: each is a hash join of all that is known of an entity, and
/// six of them with 100,000 objects each take some 200 MB of a server's memory or disk.
pub const MAX_LOOKUPS: usize = 6;

/// How many KPIs may lie one below the other in a formula: more than a person follows. Each level adds [`MAX_DEPTH`] to the depth that is walked, so a value is computed at
/// most 512 operators + 17 x 32 levels deep: 1,056 frames of under 1 KiB, half of the 2 MiB stack of a worker thread.
pub const MAX_REFERENCE_LEVELS: usize = 16;

/// The longest formula in bytes with all KPIs that it refers to written out: 16 of the longest texts. It bounds what is copied where a KPI refers to others, each of them
/// twice to two more, and so on.
pub const MAX_WRITTEN_OUT: usize = 65_536;
