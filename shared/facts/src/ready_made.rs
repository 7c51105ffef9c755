//! The built-in entity of ready-made KPI values, such as another system computed.

use catalog::{Entity, EntityDefinition, GroupingDefinition, Level};
use database::{Error, Session};

use crate::layout::Layout;
use crate::place::KPI_VALUE;
use crate::states::state_column;
use crate::volume::{Volume, levels, volumes};

/// Name of the view of its facts, by which people know them.
const KPI_VALUE_FACTS: &str = "kpi_raw_data";

/// Definition of the built-in entity: ready-made KPI values, such as another system computed.
///
/// # Errors
/// Never, unless the definition itself is broken.
pub fn built_in() -> Result<Entity, Error> {
    let definition = serde_json::json!({
        "code": KPI_VALUE, "domain": "kpi", "description": "Ready-made values of KPIs that another system computed.",
        "attributes": [
            { "name": "kpi_code", "type": "text", "dimension": true, "required": true, "description": "Code of the KPI." },
            { "name": "value", "type": "decimal", "required": true, "description": "Its value." }
        ],
        "groupings": [{ "dimensions": ["kpi_code"] }]
    });
    let broken = |cause: String| Error::Stored {
        place: KPI_VALUE.to_owned(),
        cause,
    };
    let definition: EntityDefinition = serde_json::from_value(definition).map_err(|error| broken(error.to_string()))?;
    definition
        .validate()
        .map_err(|problems| broken(format!("{problems:?}")))
}

/// Creates the views of the ready-made values, by the names that people know them by: over all volumes, and anew when there is one more.
///
/// # Errors
/// When a statement fails.
pub async fn create_views(session: &Session) -> Result<(), Error> {
    let entity = built_in()?;
    let layout = Layout::of(&entity);
    let (code, value) = (layout.slot_of(&entity, "kpi_code")?, layout.slot_of(&entity, "value")?);
    let by_code = GroupingDefinition::by_minute(["kpi_code"]);
    let grouping = layout.grouping_id(&by_code)?;
    let volumes = volumes(session).await?;
    // Its slots are the same in every client's layout.
    let all = |select: &dyn Fn(&Volume) -> String| volumes.iter().map(select).collect::<Vec<_>>().join(" UNION ALL ");
    // What an entity left behind in another volume is not its.
    let of = |volume: &Volume| {
        let name = volume.name().replace('\'', "''");
        format!(
            "JOIN core.entities e ON e.client_id = part.client_id AND e.id = part.entity_id AND e.code = '{KPI_VALUE}' AND e.volume = '{name}'"
        )
    };
    let raw = all(&|volume| {
        let (facts, code, value) = (volume.facts(), code.value(), value.value());
        format!(
            "SELECT part.client_id, part.time, part.{code} AS kpi_code, part.{value} AS value FROM {facts} part {}",
            of(volume)
        )
    });
    let mut sql = format!(
        "CREATE SCHEMA IF NOT EXISTS kpi_data; GRANT USAGE ON SCHEMA kpi_data TO analytics_app;
         CREATE OR REPLACE VIEW kpi_data.{KPI_VALUE_FACTS} AS {raw}; GRANT SELECT ON kpi_data.{KPI_VALUE_FACTS} TO analytics_app;"
    );
    let column = |state: &str| state_column(value.state().slot, state);
    for level in levels(Level::Minute) {
        let rows = all(&|volume| {
            format!(
                "SELECT part.client_id, part.bucket, part.dimensions[1] AS kpi_code, part.{} / nullif(part.{count}, 0) AS avg_value,
                    part.{} AS min_value, part.{} AS max_value, part.facts AS data_points
                 FROM {} part {} WHERE part.grouping_id = {grouping}",
                column("sum"),
                column("min"),
                column("max"),
                volume.rollup(level),
                of(volume),
                count = column("count")
            )
        });
        let view = format!("kpi_data.kpi_values_{level}");
        sql.push_str(&format!(
            "CREATE OR REPLACE VIEW {view} AS {rows}; GRANT SELECT ON {view} TO analytics_app;"
        ));
    }
    session.batch(&sql).await
}
