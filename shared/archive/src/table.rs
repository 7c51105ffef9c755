//! Parquet files as rows.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, RecordBatch};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{
    DataType, Date32Type, Date64Type, Decimal128Type, Decimal256Type, Field as Column, Float32Type, Float64Type,
    Int64Type, Schema, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, i256,
};
use bytes::Bytes;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::basic::Type;
use rust_decimal::Decimal;
use serde_json::{Map, Value};
use series::{Field, Mapper};

use crate::files::{Chunk, FileError, columns_of};

pub mod guard;
mod lengths;

fn unreadable(cause: &impl ToString) -> FileError {
    FileError::Unreadable {
        format: "Parquet",
        cause: cause.to_string(),
    }
}

/// Rows that are decoded at once; fewer where they are long.
const BATCH_ROWS: usize = 8_192;

/// A Parquet file's rows, a batch at a time.
pub struct Table {
    bytes: Bytes,
    metadata: ArrowReaderMetadata,
    /// The row group that is read next.
    group: usize,
    reader: Option<ParquetRecordBatchReader>,
    names: Vec<String>,
    /// The places of these columns in the file.
    places: Vec<usize>,
    most: usize,
}

impl Table {
    /// Opens a file, at most `most` rows to a batch.
    ///
    /// # Errors
    /// When it is not a Parquet file, cut off, or would take more than the limits allow.
    pub fn open(bytes: Bytes, most: usize) -> Result<Self, FileError> {
        guard::check_footer(&bytes)?;
        // What Arrow's writers say of types beyond Parquet's own is of no use here: attributes have few types.
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let metadata = ArrowReaderMetadata::load(&bytes, options.clone()).map_err(|error| unreadable(&error))?;
        guard::check_pages(&bytes, metadata.metadata())?;
        let metadata = with_whole_times(&metadata, options)?;
        let fields = metadata.schema().fields();
        let names: Vec<String> = fields.iter().map(|field| field.name().clone()).collect();
        Ok(Self {
            places: (0..names.len()).collect(),
            bytes,
            metadata,
            group: 0,
            reader: None,
            names,
            most,
        })
    }

    /// Names of the columns.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Columns that pandas has marked as the index of its rows. It writes `__index_level_0__` where the index has no name.
    fn indexes(&self) -> BTreeSet<String> {
        let metadata = self.metadata.metadata().file_metadata().key_value_metadata();
        let told = metadata.into_iter().flatten().find(|pair| pair.key == "pandas");
        let told: Option<Value> = told.and_then(|pair| serde_json::from_str(pair.value.as_deref()?).ok());
        let columns = told.as_ref().and_then(|told| told["index_columns"].as_array());
        let names = columns.into_iter().flatten().filter_map(Value::as_str);
        names.map(str::to_owned).collect()
    }

    /// Reads no more of these columns.
    fn leave_out(&mut self, is_left_out: impl Fn(&str) -> bool) {
        self.places.retain(|place| !is_left_out(&self.names[*place]));
        self.names.retain(|name| !is_left_out(name));
    }

    /// A reader of the next row group; `None` after the last.
    fn next_group(&mut self) -> Result<Option<ParquetRecordBatchReader>, FileError> {
        let groups = self.metadata.metadata().row_groups();
        let Some(group) = groups.get(self.group) else {
            return Ok(None);
        };
        let rows = guard::rows_at_once(&self.bytes, group, self.most)?;
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(self.bytes.clone(), self.metadata.clone());
        let columns = ProjectionMask::roots(builder.parquet_schema(), self.places.iter().copied());
        let builder = builder
            .with_row_groups(vec![self.group])
            .with_batch_size(rows)
            .with_projection(columns);
        self.group += 1;
        builder.build().map(Some).map_err(|error| unreadable(&error))
    }
}

impl Iterator for Table {
    type Item = Result<Batch, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(batch) = self.reader.as_mut().and_then(Iterator::next) {
                let batch = batch.map_err(|error| unreadable(&error));
                return Some(batch.and_then(|batch| Batch::new(&batch)));
            }
            self.reader = match self.next_group().transpose()? {
                Ok(reader) => Some(reader),
                Err(error) => return Some(Err(error)),
            };
        }
    }
}

/// Reads times of Spark's old kind (`INT96`) as microseconds, as nanoseconds of 64 bits end in the year 2262 and begin anew. Spark writes them in UTC.
fn with_whole_times(
    metadata: &ArrowReaderMetadata,
    options: ArrowReaderOptions,
) -> Result<ArrowReaderMetadata, FileError> {
    let columns = metadata.metadata().file_metadata().schema_descr().columns();
    let fields = metadata.schema().fields().iter().zip(columns);
    let fields: Vec<Column> = fields
        .map(|(field, column)| {
            let field = field.as_ref().clone();
            if column.physical_type() == Type::INT96 {
                field.with_data_type(DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())))
            } else {
                field
            }
        })
        .collect();
    let schema = Arc::new(Schema::new_with_metadata(fields, metadata.schema().metadata().clone()));
    ArrowReaderMetadata::try_new(Arc::clone(metadata.metadata()), options.with_schema(schema))
        .map_err(|error| unreadable(&error))
}

/// Rows whose columns were brought to the few types that attributes have.
pub struct Batch {
    names: Vec<String>,
    columns: Vec<ArrayRef>,
    rows: usize,
}

impl Batch {
    fn new(batch: &RecordBatch) -> Result<Self, FileError> {
        let names = batch
            .schema()
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .collect();
        let columns = batch
            .columns()
            .iter()
            .map(|column| plain(column))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            names,
            columns,
            rows: batch.num_rows(),
        })
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// A field of a row, by its column's place.
    fn field(&self, row: usize, column: Option<usize>) -> Field<'_> {
        column.map_or(Field::Missing, |column| field(&self.columns[column], row))
    }

    /// A row as JSON, times as RFC 3339.
    #[must_use]
    pub fn json(&self, row: usize) -> Map<String, Value> {
        self.names
            .iter()
            .zip(&self.columns)
            .map(|(name, column)| (name.clone(), json(&field(column, row))))
            .collect()
    }
}

/// A column in one of the types that [`field`] reads.
fn plain(column: &ArrayRef) -> Result<ArrayRef, FileError> {
    let target = match column.data_type() {
        // Wider than a fact's integer: what does not fit is refused by its digits.
        DataType::UInt64 => DataType::Decimal128(20, 0),
        kind if kind.is_integer() => DataType::Int64,
        DataType::Float16 => return plain(&converted(column, &DataType::Float32)?),
        DataType::Float32 => return Ok(widened(column)),
        DataType::Utf8 => DataType::LargeUtf8,
        // Text that its writer did not call so is one if it can be read; other bytes are refused row by row.
        DataType::Binary | DataType::FixedSizeBinary(_) => DataType::LargeBinary,
        _ => return Ok(Arc::clone(column)),
    };
    converted(column, &target)
}

/// A value that does not fit is an error here; by itself the library would make it a missing one.
fn converted(column: &ArrayRef, target: &DataType) -> Result<ArrayRef, FileError> {
    let options = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    cast_with_options(column, target, &options).map_err(|error| unreadable(&error))
}

/// Floats of 32 bits as the shortest numbers that read back as them: 0.1 stays 0.1 and does not become 0.10000000149.
fn widened(column: &ArrayRef) -> ArrayRef {
    let short = column.as_primitive::<Float32Type>();
    let long: Float64Array = short.unary(|value| value.to_string().parse().unwrap_or(f64::from(value)));
    Arc::new(long)
}

const BEYOND_DECIMALS: &str = "a decimal beyond 28 digits";
const BEYOND_CALENDARS: &str = "a time that no calendar reaches";

fn field(column: &ArrayRef, row: usize) -> Field<'_> {
    if column.is_null(row) {
        return Field::Missing;
    }
    match column.data_type() {
        DataType::Null => Field::Missing,
        DataType::Int64 => Field::Integer(column.as_primitive::<Int64Type>().value(row)),
        DataType::Float64 => Field::Float(column.as_primitive::<Float64Type>().value(row)),
        DataType::Boolean => Field::Boolean(column.as_boolean().value(row)),
        DataType::LargeUtf8 => text(column.as_string::<i64>().value(row)),
        DataType::LargeBinary => match std::str::from_utf8(column.as_binary::<i64>().value(row)) {
            Ok(value) => text(value),
            Err(_) => Field::Other("bytes that are no text in UTF-8"),
        },
        DataType::Timestamp(_, zone) => {
            let field = if zone.is_some() { Field::Time } else { Field::LocalTime };
            time_us(column, row).map_or(Field::Other(BEYOND_CALENDARS), field)
        }
        DataType::Date32 | DataType::Date64 => {
            time_us(column, row).map_or(Field::Other(BEYOND_CALENDARS), Field::LocalTime)
        }
        DataType::Decimal128(_, scale) => decimal(column.as_primitive::<Decimal128Type>().value(row), *scale)
            .map_or(Field::Other(BEYOND_DECIMALS), Field::Decimal),
        DataType::Decimal256(_, scale) => wide_decimal(column.as_primitive::<Decimal256Type>().value(row), *scale)
            .map_or(Field::Other(BEYOND_DECIMALS), Field::Decimal),
        _ => Field::Other("a column of a type that no attribute has"),
    }
}

fn text(text: &str) -> Field<'_> {
    Field::Text {
        text: text.into(),
        typed: true,
    }
}

/// A time in microseconds; `None` where they do not reach.
fn time_us(column: &ArrayRef, row: usize) -> Option<i64> {
    match column.data_type() {
        DataType::Timestamp(TimeUnit::Second, _) => column
            .as_primitive::<TimestampSecondType>()
            .value(row)
            .checked_mul(1_000_000),
        DataType::Timestamp(TimeUnit::Millisecond, _) => column
            .as_primitive::<TimestampMillisecondType>()
            .value(row)
            .checked_mul(1_000),
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            Some(column.as_primitive::<TimestampMicrosecondType>().value(row))
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => Some(
            column
                .as_primitive::<TimestampNanosecondType>()
                .value(row)
                .div_euclid(1_000),
        ),
        DataType::Date32 => i64::from(column.as_primitive::<Date32Type>().value(row)).checked_mul(86_400_000_000),
        DataType::Date64 => column.as_primitive::<Date64Type>().value(row).checked_mul(1_000),
        _ => None,
    }
}

/// A decimal without the zeros behind its last digit, of which Spark writes up to 38: those that are left are what has to fit.
fn decimal(mut mantissa: i128, scale: i8) -> Option<Decimal> {
    let mut scale = u32::try_from(scale).ok()?;
    while scale > 0 && mantissa % 10 == 0 {
        mantissa /= 10;
        scale -= 1;
    }
    Decimal::try_from_i128_with_scale(mantissa, scale).ok()
}

/// The same of a decimal of more than 38 digits, as far as its value has fewer.
fn wide_decimal(mut mantissa: i256, mut scale: i8) -> Option<Decimal> {
    let ten = i256::from_i128(10);
    while scale > 0 && mantissa.wrapping_rem(ten) == i256::ZERO {
        mantissa = mantissa.wrapping_div(ten);
        scale -= 1;
    }
    decimal(mantissa.to_i128()?, scale)
}

fn json(field: &Field<'_>) -> Value {
    match field {
        Field::Missing => Value::Null,
        Field::Boolean(boolean) => Value::from(*boolean),
        Field::Integer(integer) => Value::from(*integer),
        Field::Decimal(decimal) => Value::from(decimal.to_string()),
        // JSON has no NaN or infinity; a dead letter shows them as text.
        Field::Float(float) => {
            serde_json::Number::from_f64(*float).map_or_else(|| Value::from(float.to_string()), Value::Number)
        }
        Field::Text { text, .. } => Value::from(text.as_ref()),
        Field::Time(time_us) => {
            Timestamp::from_microsecond(*time_us).map_or(Value::Null, |time| Value::from(time.to_string()))
        }
        // Without an offset, as it was.
        Field::LocalTime(local_us) => Timestamp::from_microsecond(*local_us).map_or(Value::Null, |local| {
            Value::from(TimeZone::UTC.to_datetime(local).to_string())
        }),
        Field::Digits(digits) => Value::from(*digits),
        Field::Other(name) => Value::from(*name),
    }
}

/// A Parquet file's rows as facts.
pub struct Rows<'a> {
    table: Table,
    /// The batch that is being read, and its next row.
    batch: Option<(Batch, usize)>,
    /// The column of each field, by the field's place in the mapper.
    columns: Vec<Option<usize>>,
    mapper: &'a Mapper,
    now: Timestamp,
    position: usize,
    failed: bool,
    /// Why it failed, until that was told.
    error: Option<FileError>,
}

impl<'a> Rows<'a> {
    pub(crate) fn open(bytes: Bytes, mapper: &'a Mapper, now: Timestamp) -> Result<Self, FileError> {
        let mut table = Table::open(bytes, BATCH_ROWS)?;
        // An index is no attribute, unless the entity has one of its name.
        let indexes = table.indexes();
        table.leave_out(|name| indexes.contains(name) && mapper.place(name).is_err());
        Ok(Self {
            columns: columns_of(mapper, table.names())?,
            table,
            batch: None,
            mapper,
            now,
            position: 0,
            failed: false,
            error: None,
        })
    }

    pub(crate) fn next(&mut self) -> Option<Result<Chunk, FileError>> {
        let mut chunk = Chunk::default();
        while !chunk.is_full() && !self.failed {
            match self.read_row(&mut chunk) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    self.failed = true;
                    self.error = Some(error);
                }
            }
        }
        // What was read before an error is good, and comes first.
        if chunk.rows() > 0 {
            return Some(Ok(chunk));
        }
        self.error.take().map(Err)
    }

    /// Reads a row; false after the last.
    fn read_row(&mut self, chunk: &mut Chunk) -> Result<bool, FileError> {
        let (batch, row) = match self.batch.take() {
            Some((batch, row)) if row < batch.rows() => (batch, row),
            _ => match self.table.next().transpose()? {
                Some(batch) => (batch, 0),
                None => return Ok(false),
            },
        };
        if row < batch.rows() {
            let place = |place: usize| batch.field(row, self.columns[place]);
            let fact = self.mapper.fact(self.now, place);
            chunk.add(self.position, fact, || Value::Object(batch.json(row)).to_string());
            self.position += 1;
        }
        self.batch = Some((batch, row + 1));
        Ok(true)
    }
}

#[cfg(test)]
mod tests;
