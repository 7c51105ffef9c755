//! Parquet files as rows.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, RecordBatch};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{
    DataType, Decimal128Type, Float32Type, Float64Type, Int64Type, TimeUnit, TimestampMicrosecondType,
};
use bytes::Bytes;
use jiff::Timestamp;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use rust_decimal::Decimal;
use serde_json::{Map, Value};
use series::{Field, Mapper};

use crate::files::{CHUNK_ROWS, Chunk, FileError, columns_of};

fn unreadable(cause: &impl ToString) -> FileError {
    FileError::Unreadable {
        format: "Parquet",
        cause: cause.to_string(),
    }
}

/// A Parquet file's rows, a batch at a time.
pub struct Table {
    reader: ParquetRecordBatchReader,
    names: Vec<String>,
}

impl Table {
    /// Opens a file, `rows` rows to a batch.
    ///
    /// # Errors
    /// When it is not a Parquet file, or cut off.
    pub fn open(bytes: Bytes, rows: usize) -> Result<Self, FileError> {
        let builder = ParquetRecordBatchReaderBuilder::try_new(bytes).map_err(|error| unreadable(&error))?;
        let names = builder
            .schema()
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .collect();
        let reader = builder
            .with_batch_size(rows)
            .build()
            .map_err(|error| unreadable(&error))?;
        Ok(Self { reader, names })
    }

    /// Names of the columns.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }
}

impl Iterator for Table {
    type Item = Result<Batch, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.reader.next()?;
        Some(
            batch
                .map_err(|error| unreadable(&error))
                .and_then(|batch| Batch::new(&batch)),
        )
    }
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
    let microseconds = DataType::Timestamp(TimeUnit::Microsecond, None);
    let target = match column.data_type() {
        // Wider than a fact's integer: what does not fit is refused by its digits.
        DataType::UInt64 => DataType::Decimal128(20, 0),
        kind if kind.is_integer() => DataType::Int64,
        DataType::Float16 => return plain(&converted(column, &DataType::Float32)?),
        DataType::Float32 => return Ok(widened(column)),
        DataType::Float64 => DataType::Float64,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => DataType::LargeUtf8,
        DataType::Timestamp(_, _) | DataType::Date64 => microseconds,
        DataType::Date32 => {
            return converted(&converted(column, &DataType::Date64)?, &microseconds);
        }
        DataType::Dictionary(_, values) if matches!(**values, DataType::Utf8 | DataType::LargeUtf8) => {
            DataType::LargeUtf8
        }
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

fn field(column: &ArrayRef, row: usize) -> Field<'_> {
    if column.is_null(row) {
        return Field::Missing;
    }
    match column.data_type() {
        DataType::Int64 => Field::Integer(column.as_primitive::<Int64Type>().value(row)),
        DataType::Float64 => Field::Float(column.as_primitive::<Float64Type>().value(row)),
        DataType::Boolean => Field::Boolean(column.as_boolean().value(row)),
        DataType::LargeUtf8 => Field::Text {
            text: column.as_string::<i64>().value(row).into(),
            typed: true,
        },
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            Field::Time(column.as_primitive::<TimestampMicrosecondType>().value(row))
        }
        DataType::Decimal128(_, scale) => u32::try_from(*scale)
            .ok()
            .and_then(|scale| {
                Decimal::try_from_i128_with_scale(column.as_primitive::<Decimal128Type>().value(row), scale).ok()
            })
            .map_or(Field::Other("a decimal beyond 28 digits"), Field::Decimal),
        _ => Field::Other("a column of a type that no attribute has"),
    }
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
        Field::Digits(digits) => Value::from(*digits),
        Field::Other(name) => Value::from(*name),
    }
}

/// A Parquet file's rows as facts.
pub struct Rows<'a> {
    table: Table,
    /// The column of each field, by the field's place in the mapper.
    columns: Vec<Option<usize>>,
    mapper: &'a Mapper,
    now: Timestamp,
    position: usize,
    failed: bool,
}

impl<'a> Rows<'a> {
    pub(crate) fn open(bytes: Bytes, mapper: &'a Mapper, now: Timestamp) -> Result<Self, FileError> {
        let table = Table::open(bytes, CHUNK_ROWS)?;
        Ok(Self {
            columns: columns_of(mapper, table.names())?,
            table,
            mapper,
            now,
            position: 0,
            failed: false,
        })
    }

    pub(crate) fn next(&mut self) -> Option<Result<Chunk, FileError>> {
        if self.failed {
            return None;
        }
        let batch = match self.table.next()? {
            Ok(batch) => batch,
            Err(error) => {
                self.failed = true;
                return Some(Err(error));
            }
        };
        let mut chunk = Chunk::default();
        for row in 0..batch.rows() {
            let fact = self
                .mapper
                .fact(self.now, |place| batch.field(row, self.columns[place]));
            chunk.add(self.position + row, fact, || Value::Object(batch.json(row)).to_string());
        }
        self.position += batch.rows();
        Some(Ok(chunk))
    }
}

#[cfg(test)]
mod tests;
