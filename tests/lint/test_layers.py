"""The layer lint accepts what the layout allows, refuses what it forbids, and holds for the checkout."""

import layers
import pytest

ACCEPTED = [
    ("base/clock.h", "<chrono>"),
    ("base/s3.cc", "<sys/stat.h>"),
    ("base/log.cc", '"absl/strings/str_cat.h"'),
    ("base/http_client.cc", "<curl/curl.h>"),
    ("model/batch.h", '"arrow/type_fwd.h"'),
    ("model/batch.cc", '"arrow/record_batch.h"'),
    ("model/wire.cc", '"weir/v1/plan.pb.h"'),
    ("model/plan.h", '"base/status.h"'),
    ("lake/delta_log.h", '"model/types.h"'),
    ("lake/parquet_file.cc", "<parquet/arrow/writer.h>"),
    ("state/checkpoint/codec.cc", '"weir/v1/checkpoint.pb.h"'),
    ("state/keyed/snapshot.cc", '"state/checkpoint/manifest.h"'),
    ("sql/parse.cc", "<pg_query.h>"),
    ("operators/sink/delta_sink.cc", '"lake/committer.h"'),
    ("operators/window/pane.cc", '"operators/operator.h"'),
    ("operators/source/kafka_consumer.cc", "<librdkafka/rdkafka.h>"),
    ("operators/decode/json.cc", "<simdjson.h>"),
    ("worker/task.cc", '"state/keyed/pane_table.h"'),
    ("worker/exchange_rpc.cc", "<grpcpp/grpcpp.h>"),
    ("coordinator/api_rpc.cc", '"weir/v1/job.grpc.pb.h"'),
    ("cli/dev.cc", '"coordinator/server.h"'),
    ("cli/dev.cc", '"worker/server.h"'),
    ("tests/unit/model/wire_test.cc", '"weir/v1/plan.pb.h"'),
    ("tests/unit/worker/task_test.cc", '"tests/fakes/clock.h"'),
    ("tests/unit/worker/task_test.cc", '"gmock/gmock.h"'),
    ("tests/unit/worker/task_test.cc", '"tests/unit/worker/collecting_output.h"'),
    ("tests/unit/worker/task_test.cc", '"tests/unit/worker/harness.h"'),
    ("tests/sim/job_sim.cc", '"worker/task.h"'),
    ("bench/decode.cc", '"operators/decode/json.h"'),
]

REFUSED = [
    ("base/clock.h", '"model/event_time.h"'),
    ("model/plan.cc", '"sql/parse.h"'),
    ("model/plan.cc", '"weir/v1/plan.pb.h"'),
    ("model/wire.h", '"weir/v1/plan.pb.h"'),
    ("model/batch.h", '"arrow/record_batch.h"'),
    ("lake/delta_log.cc", '"state/checkpoint/manifest.h"'),
    ("lake/delta_log.cc", '"operators/operator.h"'),
    ("lake/delta_log.cc", "<parquet/file_reader.h>"),
    ("lake/parquet_file.h", "<parquet/arrow/writer.h>"),
    ("state/checkpoint/fold.cc", '"state/keyed/pane_table.h"'),
    ("state/checkpoint/fold.cc", '"weir/v1/checkpoint.pb.h"'),
    ("state/keyed/rocks_tier.h", "<rocksdb/db.h>"),
    ("state/keyed/pane_table.cc", "<rocksdb/db.h>"),
    ("sql/plan.cc", '"operators/operator.h"'),
    ("sql/plan.cc", "<pg_query.h>"),
    ("operators/window/pane.cc", '"worker/task.h"'),
    ("operators/window/pane.cc", '"sql/plan.h"'),
    ("operators/window/pane.cc", "<librdkafka/rdkafka.h>"),
    ("worker/task.cc", '"coordinator/job_machine.h"'),
    ("worker/task.cc", '"sql/parse.h"'),
    ("worker/task.cc", "<grpcpp/grpcpp.h>"),
    ("worker/exchange_rpc.h", "<grpcpp/grpcpp.h>"),
    ("coordinator/job_machine.cc", '"worker/task.h"'),
    ("coordinator/job_machine.cc", '"operators/operator.h"'),
    ("coordinator/job_machine.cc", '"state/keyed/pane_table.h"'),
    ("coordinator/job_machine.cc", '"arrow/record_batch.h"'),
    ("base/metrics.h", "<prometheus/registry.h>"),
    ("base/log.cc", '"log.h"'),
    ("base/clock.cc", '"gtest/gtest.h"'),
    ("tests/unit/worker/task_test.cc", '"coordinator/job_machine.h"'),
    ("tests/unit/worker/task_test.cc", '"tests/unit/coordinator/fake_table.h"'),
    ("tests/unit/worker/task_test.cc", '"tests/unit/model/harness.h"'),
]


@pytest.mark.parametrize("path,header", ACCEPTED)
def test_accepts(path, header):
    assert layers.violations(path, f"#include {header}\n") == []


@pytest.mark.parametrize("path,header", REFUSED)
def test_refuses(path, header):
    found = layers.violations(path, f"// First line.\n#include {header}\n")
    assert len(found) == 1
    assert found[0].startswith(f"{path}:2: ")


def test_sees_odd_spacing_and_ignores_comments():
    assert layers.violations("base/a.cc", '#  include  "worker/task.h"\n')
    assert layers.violations("base/a.cc", '// #include "worker/task.h"\n') == []


def test_checkout_keeps_the_layers():
    paths = layers.sources()
    found = [m for path in paths for m in layers.violations(path, (layers.ROOT / path).read_text())]
    assert found == []
