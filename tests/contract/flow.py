"""What a stranger's program does with a client that was generated from the OpenAPI document."""

import datetime
import sys
import time

from analytics_client import AuthenticatedClient, Client
from analytics_client.api.default import (
    accept_events,
    create_entity,
    create_kpi,
    list_batches,
    list_groupings,
    read_batch,
    read_entity,
    read_series,
    read_value,
    replace_entity,
    sign_in,
)
from analytics_client.models import (
    AttributeDefinition,
    AttributeDefinitionType,
    BatchState,
    EntityDefinition,
    Event,
    GroupingDefinition,
    KpiDefinition,
    Level,
    Problem,
    ReadSeriesPeriod,
    ReadValuePeriod,
    SignIn,
)

base, email, password = sys.argv[1:]
tokens = sign_in.sync(client=Client(base_url=base), body=SignIn(email=email, password=password))
client = AuthenticatedClient(base_url=base, token=tokens.access_token)

definition = EntityDefinition(
    code="Sale",
    domain="sales",
    time="sold_at",
    attributes=[
        AttributeDefinition(name="amount", type_=AttributeDefinitionType.DECIMAL, required=True),
        AttributeDefinition(name="region", type_=AttributeDefinitionType.TEXT, dimension=True),
    ],
    groupings=[GroupingDefinition(dimensions=["region"], finest=Level.HOUR)],
)
entity = create_entity.sync(client=client, body=definition)
assert entity.version == 1, entity
read = read_entity.sync_detailed("Sale", client=client)
# What was read is written as it is, and is no other version.
same = EntityDefinition.from_dict(read.parsed.to_dict())
replaced = replace_entity.sync("Sale", client=client, body=same, if_match=read.headers["etag"])
assert replaced.version == 1, replaced
groupings = list_groupings.sync("Sale", client=client).groupings
assert [grouping.dimensions for grouping in groupings] == [[], ["region"]], groupings

create_kpi.sync(client=client, body=KpiDefinition(code="SALES", name="Sales", formula="SUM(Sale.amount)"))
events = [
    {"sold_at": "2026-11-20T10:00:00Z", "amount": 12.5, "region": "north"},
    {"sold_at": "2026-11-20T11:00:00Z", "amount": "30", "region": "south"},
    {"sold_at": "2026-11-20T11:00:00Z", "amount": "many", "region": "south"},
]
accepted = accept_events.sync("Sale", client=client, body=[Event.from_dict(event) for event in events])
assert accepted.events == 3, accepted


def finished():
    for _ in range(200):
        answer = read_batch.sync_detailed(accepted.batch_id, client=client)
        if answer.status_code == 200 and answer.parsed.state == BatchState.FINISHED:
            return answer.parsed
        time.sleep(0.1)
    raise AssertionError(f"batch {accepted.batch_id} is not finished")


batch = finished()
assert (batch.accepted, batch.rejected) == (2, 1), batch

at = datetime.datetime.fromisoformat("2026-11-20T12:00:00+00:00")
value = read_value.sync("SALES", client=client, period=ReadValuePeriod.DAY, at=at)
assert (float(value.value), value.facts) == (42.5, 2), value
day = datetime.datetime.fromisoformat("2026-11-20T00:00:00+00:00")
series = read_series.sync(
    "SALES", client=client, period=ReadSeriesPeriod.HOUR, from_=day, to=day + datetime.timedelta(days=1), by="region"
)
assert [point.group["region"] for point in series.points] == ["north", "south"], series
batches = list_batches.sync(client=client, entity="Sale", limit=10).batches
assert [one.id for one in batches] == [accepted.batch_id], batches

refused = create_kpi.sync(client=client, body=KpiDefinition(code="WRONG", name="Wrong", formula="COUNT(Sael)"))
assert isinstance(refused, Problem) and refused.issues[0].hint, refused
print("done")
