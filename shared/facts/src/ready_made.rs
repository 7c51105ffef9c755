//! The built-in entity of ready-made KPI values, such as another system computed.

use catalog::Entity;
use database::{Error, Session};

use crate::ddl;
use crate::relation::{KPI_VALUE, levels};
use crate::tables::{place, validated};

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
    validated(serde_json::from_value(definition).map_err(|error| Error::Stored {
        place: KPI_VALUE.to_owned(),
        cause: error.to_string(),
    })?)
}

/// Creates the tables and views of the built-in entity where they are missing.
///
/// # Errors
/// When a statement fails.
pub async fn ensure_built_in(session: &Session) -> Result<(), Error> {
    let entity = built_in()?;
    let edition = session.edition().await?;
    let exists = session
        .query("SELECT 1 FROM core.relations WHERE code = $1", &[&KPI_VALUE])
        .await?;
    if !exists.is_empty() {
        return Ok(());
    }
    let relation = place(session, edition, &entity).await?;
    let grouping = entity
        .groupings()
        .iter()
        .find(|grouping| !grouping.dimensions.is_empty());
    for (grouping, level) in grouping
        .into_iter()
        .flat_map(|grouping| levels(grouping.finest).map(move |level| (grouping, level)))
    {
        session.batch(&ddl::kpi_values(&relation, grouping, level)).await?;
    }
    Ok(())
}
