"""Tells a node what a pipeline did, with OpenLineage's own client (pip install openlineage-python).

OPENLINEAGE_URL and OPENLINEAGE_API_KEY say where, and with which token.
"""

from datetime import datetime, timezone

from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.facet_v2 import column_lineage_dataset
from openlineage.client.uuid import generate_new_uuid

WAREHOUSE = "postgres://warehouse:5432"

client = OpenLineageClient()
run = Run(str(generate_new_uuid()))
job = Job("airflow", "finance.revenue_report")


def tell(state: RunState, **datasets) -> None:
    now = datetime.now(timezone.utc).isoformat()
    client.emit(RunEvent(eventType=state, eventTime=now, run=run, job=job, producer="https://example.com/pipelines/revenue", **datasets))


tell(RunState.START, inputs=[InputDataset(WAREHOUSE, "warehouse.finance.invoices")])
source = column_lineage_dataset.InputField(namespace=WAREHOUSE, name="warehouse.finance.invoices", field="net")
columns = column_lineage_dataset.ColumnLineageDatasetFacet(fields={"net_revenue": column_lineage_dataset.Fields(inputFields=[source])})
tell(RunState.COMPLETE, outputs=[OutputDataset(WAREHOUSE, "warehouse.finance.revenue", facets={"columnLineage": columns})])
print("told")
