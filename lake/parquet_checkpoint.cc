#include "lake/parquet_checkpoint.h"

#include <arrow/api.h>
#include <arrow/io/api.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/writer.h>

#include <nlohmann/json.hpp>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "lake/delta_log.h"
#include "lake/json_integer.h"

namespace weir {
namespace {

using Json = nlohmann::json;

constexpr int64_t kRowsPerGroup = 50'000;

absl::Status FromArrow(const arrow::Status& status) {
  return status.ok() ? absl::OkStatus() : absl::DataLossError(status.ToString());
}

// Rows as JSON, by the type of the column. Nulls are left out of objects, as in a commit file.
Json ToJson(const arrow::Array& array, int64_t i);

Json StructToJson(const arrow::StructArray& array, int64_t i) {
  Json out = Json::object();
  for (int f = 0; f < array.num_fields(); ++f)
    if (const auto& field = array.field(f); !field->IsNull(i))
      out[array.struct_type()->field(f)->name()] = ToJson(*field, i);
  return out;
}

Json MapToJson(const arrow::MapArray& array, int64_t i) {
  Json out = Json::object();
  const auto& keys = static_cast<const arrow::StringArray&>(*array.keys());
  for (int64_t k = array.value_offset(i); k < array.value_offset(i + 1); ++k) {
    const auto& items = *array.items();
    out[keys.GetString(k)] = items.IsNull(k) ? Json() : ToJson(items, k);
  }
  return out;
}

Json ListToJson(const arrow::ListArray& array, int64_t i) {
  Json out = Json::array();
  for (int64_t k = array.value_offset(i); k < array.value_offset(i + 1); ++k)
    out.push_back(ToJson(*array.values(), k));
  return out;
}

Json ToJson(const arrow::Array& array, int64_t i) {
  if (array.IsNull(i)) return Json();
  switch (array.type_id()) {
    case arrow::Type::STRUCT:
      return StructToJson(static_cast<const arrow::StructArray&>(array), i);
    case arrow::Type::MAP:
      return MapToJson(static_cast<const arrow::MapArray&>(array), i);
    case arrow::Type::LIST:
      return ListToJson(static_cast<const arrow::ListArray&>(array), i);
    case arrow::Type::STRING:
      return static_cast<const arrow::StringArray&>(array).GetString(i);
    case arrow::Type::BOOL:
      return static_cast<const arrow::BooleanArray&>(array).Value(i);
    case arrow::Type::INT32:
      return static_cast<const arrow::Int32Array&>(array).Value(i);
    case arrow::Type::INT64:
      return static_cast<const arrow::Int64Array&>(array).Value(i);
    default:
      return Json();  // A field that no action of ours has.
  }
}

// The way back. A JSON null or a missing key appends a null.
arrow::Status Append(const Json& value, arrow::ArrayBuilder* builder);

arrow::Status AppendStruct(const Json& value, arrow::StructBuilder* builder) {
  ARROW_RETURN_NOT_OK(builder->Append());
  const std::shared_ptr<arrow::DataType> type = builder->type();  // made for the call
  for (int f = 0; f < type->num_fields(); ++f) {
    const auto it = value.find(type->field(f)->name());
    ARROW_RETURN_NOT_OK(Append(it == value.end() ? Json() : *it, builder->field_builder(f)));
  }
  return arrow::Status::OK();
}

arrow::Status AppendMap(const Json& value, arrow::MapBuilder* builder) {
  ARROW_RETURN_NOT_OK(builder->Append());
  for (const auto& [key, item] : value.items()) {
    ARROW_RETURN_NOT_OK(static_cast<arrow::StringBuilder*>(builder->key_builder())->Append(key));
    ARROW_RETURN_NOT_OK(Append(item, builder->item_builder()));
  }
  return arrow::Status::OK();
}

arrow::Status AppendList(const Json& value, arrow::ListBuilder* builder) {
  ARROW_RETURN_NOT_OK(builder->Append());
  for (const Json& element : value) ARROW_RETURN_NOT_OK(Append(element, builder->value_builder()));
  return arrow::Status::OK();
}

arrow::Status Append(const Json& value, arrow::ArrayBuilder* builder) {
  if (value.is_null()) return builder->AppendNull();
  switch (builder->type()->id()) {
    case arrow::Type::STRUCT:
      return AppendStruct(value, static_cast<arrow::StructBuilder*>(builder));
    case arrow::Type::MAP:
      return AppendMap(value, static_cast<arrow::MapBuilder*>(builder));
    case arrow::Type::LIST:
      return AppendList(value, static_cast<arrow::ListBuilder*>(builder));
    case arrow::Type::STRING:
      return static_cast<arrow::StringBuilder*>(builder)->Append(
          value.is_string() ? value.get<std::string>() : value.dump());
    case arrow::Type::BOOL:
      return static_cast<arrow::BooleanBuilder*>(builder)->Append(value.get<bool>());
    case arrow::Type::INT32:
      return static_cast<arrow::Int32Builder*>(builder)->Append(JsonInteger<int32_t>(value));
    case arrow::Type::INT64:
      return static_cast<arrow::Int64Builder*>(builder)->Append(JsonInteger<int64_t>(value));
    default:
      return arrow::Status::NotImplemented(builder->type()->ToString());
  }
}

std::shared_ptr<arrow::Field> Text(const char* name) { return arrow::field(name, arrow::utf8()); }
std::shared_ptr<arrow::Field> Long(const char* name) { return arrow::field(name, arrow::int64()); }
std::shared_ptr<arrow::Field> Int(const char* name) { return arrow::field(name, arrow::int32()); }
std::shared_ptr<arrow::Field> Bool(const char* name) {
  return arrow::field(name, arrow::boolean());
}
std::shared_ptr<arrow::Field> Texts(const char* name) {
  return arrow::field(name, arrow::list(arrow::field("element", arrow::utf8())));
}
std::shared_ptr<arrow::Field> TextMap(const char* name) {
  return arrow::field(name, arrow::map(arrow::utf8(), arrow::utf8()));
}

// PROTOCOL.md, "Checkpoint Schema".
std::shared_ptr<arrow::Schema> CheckpointSchema() {
  const auto deletion_vector = arrow::field(
      "deletionVector", arrow::struct_({Text("storageType"), Text("pathOrInlineDv"), Int("offset"),
                                        Int("sizeInBytes"), Long("cardinality")}));
  return arrow::schema({
      arrow::field("txn", arrow::struct_({Text("appId"), Long("version"), Long("lastUpdated")})),
      arrow::field("add", arrow::struct_({Text("path"), TextMap("partitionValues"), Long("size"),
                                          Long("modificationTime"), Bool("dataChange"),
                                          TextMap("tags"), deletion_vector, Long("baseRowId"),
                                          Long("defaultRowCommitVersion"),
                                          Text("clusteringProvider"), Text("stats")})),
      arrow::field(
          "remove",
          arrow::struct_({Text("path"), Long("deletionTimestamp"), Bool("dataChange"),
                          Bool("extendedFileMetadata"), TextMap("partitionValues"), Long("size"),
                          deletion_vector, Long("baseRowId"), Long("defaultRowCommitVersion")})),
      arrow::field("metaData",
                   arrow::struct_({Text("id"), Text("name"), Text("description"),
                                   arrow::field("format", arrow::struct_({Text("provider"),
                                                                          TextMap("options")})),
                                   Text("schemaString"), Texts("partitionColumns"),
                                   TextMap("configuration"), Long("createdTime")})),
      arrow::field("protocol", arrow::struct_({Int("minReaderVersion"), Int("minWriterVersion"),
                                               Texts("readerFeatures"), Texts("writerFeatures")})),
      arrow::field("domainMetadata",
                   arrow::struct_({Text("domain"), Text("configuration"), Bool("removed")})),
  });
}

class Writer : public CheckpointWriter {
 public:
  absl::Status Open() {
    schema_ = CheckpointSchema();
    auto sink = arrow::io::BufferOutputStream::Create();
    if (!sink.ok()) return FromArrow(sink.status());
    sink_ = *sink;
    auto properties =
        parquet::WriterProperties::Builder().compression(parquet::Compression::SNAPPY)->build();
    auto writer = parquet::arrow::FileWriter::Open(*schema_, arrow::default_memory_pool(), sink_,
                                                   std::move(properties));
    if (!writer.ok()) return FromArrow(writer.status());
    writer_ = *std::move(writer);
    return NewBuilders();
  }

  absl::Status AddState(const DeltaState& state) override {
    WEIR_RETURN_IF_ERROR(AddAction(Json::parse(FormatDeltaAction(state.protocol))));
    WEIR_RETURN_IF_ERROR(AddAction(Json::parse(FormatDeltaAction(state.metadata))));
    for (const auto& [app_id, txn] : state.txns)
      WEIR_RETURN_IF_ERROR(AddAction(Json::parse(FormatDeltaAction(txn))));
    for (const auto& [name, domain] : state.domains)
      WEIR_RETURN_IF_ERROR(AddAction({{"domainMetadata",
                                       {{"domain", domain.name},
                                        {"configuration", domain.configuration},
                                        {"removed", false}}}}));
    return absl::OkStatus();
  }

  absl::Status AddFile(const DeltaFileAction& file) override {
    Json body = Json::parse(file.json, nullptr, false);
    if (!body.is_object()) return absl::DataLossError(absl::StrCat("action of ", file.path));
    body["dataChange"] = false;  // A checkpoint changes nothing.
    if (file.add && !body.contains("partitionValues")) body["partitionValues"] = Json::object();
    return AddAction({{file.add ? "add" : "remove", std::move(body)}});
  }

  absl::StatusOr<std::string> Finish() override {
    WEIR_RETURN_IF_ERROR(Flush());
    WEIR_RETURN_IF_ERROR(FromArrow(writer_->Close()));
    auto buffer = sink_->Finish();
    if (!buffer.ok()) return FromArrow(buffer.status());
    return (*buffer)->ToString();
  }

  int64_t actions() const override { return actions_; }

 private:
  absl::Status NewBuilders() {
    for (const auto& field : schema_->fields()) {
      auto builder = arrow::MakeBuilder(field->type());
      if (!builder.ok()) return FromArrow(builder.status());
      builders_.push_back(*std::move(builder));
    }
    return absl::OkStatus();
  }

  absl::Status AddAction(const Json& action) {
    try {
      for (int c = 0; c < schema_->num_fields(); ++c) {
        const auto it = action.find(schema_->field(c)->name());
        WEIR_RETURN_IF_ERROR(
            FromArrow(Append(it == action.end() ? Json() : *it, builders_[c].get())));
      }
    } catch (const Json::exception& e) {
      return absl::DataLossError(e.what());
    }
    ++actions_;
    return ++rows_ < kRowsPerGroup ? absl::OkStatus() : Flush();
  }

  absl::Status Flush() {
    if (rows_ == 0) return absl::OkStatus();
    std::vector<std::shared_ptr<arrow::Array>> columns;
    for (const auto& builder : builders_) {
      auto column = builder->Finish();
      if (!column.ok()) return FromArrow(column.status());
      columns.push_back(*std::move(column));
    }
    const auto table = arrow::Table::Make(schema_, std::move(columns), rows_);
    rows_ = 0;
    return FromArrow(writer_->WriteTable(*table, kRowsPerGroup));
  }

  std::shared_ptr<arrow::Schema> schema_;
  std::shared_ptr<arrow::io::BufferOutputStream> sink_;
  std::unique_ptr<parquet::arrow::FileWriter> writer_;
  std::vector<std::unique_ptr<arrow::ArrayBuilder>> builders_;
  int64_t rows_ = 0;
  int64_t actions_ = 0;
};

// Columns of the file whose first path segment is in `kinds`.
std::vector<int> LeavesOf(const parquet::SchemaDescriptor& schema,
                          const std::set<std::string>& kinds,
                          const std::set<std::string>& skipped_fields) {
  std::vector<int> leaves;
  for (int i = 0; i < schema.num_columns(); ++i) {
    const std::vector<std::string> path = schema.Column(i)->path()->ToDotVector();
    if (kinds.count(path[0]) != 0 && (path.size() < 2 || skipped_fields.count(path[1]) == 0))
      leaves.push_back(i);
  }
  return leaves;
}

// Calls `each(kind, object)` for every action of the given kinds.
absl::Status ReadActions(const std::string& bytes, const std::set<std::string>& kinds,
                         const std::function<absl::Status(const std::string&, const Json&)>& each) {
  parquet::arrow::FileReaderBuilder builder;
  WEIR_RETURN_IF_ERROR(FromArrow(
      builder.Open(std::make_shared<arrow::io::BufferReader>(std::make_shared<arrow::Buffer>(
          reinterpret_cast<const uint8_t*>(bytes.data()), static_cast<int64_t>(bytes.size()))))));
  auto opened = builder.Build();
  if (!opened.ok()) return FromArrow(opened.status());
  const std::unique_ptr<parquet::arrow::FileReader> reader = *std::move(opened);
  // Copies of partition values and statistics as columns of their own: the texts are enough.
  const std::vector<int> leaves = LeavesOf(*reader->parquet_reader()->metadata()->schema(), kinds,
                                           {"partitionValues_parsed", "stats_parsed"});
  if (leaves.empty()) return absl::OkStatus();
  for (int group = 0; group < reader->num_row_groups(); ++group) {
    auto read = reader->ReadRowGroup(group, leaves);
    if (!read.ok()) return FromArrow(read.status());
    auto combined = (*read)->CombineChunksToBatch();
    if (!combined.ok()) return FromArrow(combined.status());
    const arrow::RecordBatch& batch = **combined;
    for (int c = 0; c < batch.num_columns(); ++c)
      for (int64_t row = 0; row < batch.num_rows(); ++row)
        if (!batch.column(c)->IsNull(row))
          WEIR_RETURN_IF_ERROR(
              each(batch.schema()->field(c)->name(), ToJson(*batch.column(c), row)));
  }
  return absl::OkStatus();
}

// Text that isn't UTF-8 would throw.
std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

absl::Status AddToState(const std::string& kind, const std::string& json, DeltaState* state) {
  if (kind == "protocol") {
    WEIR_ASSIGN_OR_RETURN(state->protocol, ParseDeltaProtocol(json));
  } else if (kind == "metaData") {
    WEIR_ASSIGN_OR_RETURN(state->metadata, ParseDeltaMetadata(json));
  } else if (kind == "txn") {
    WEIR_ASSIGN_OR_RETURN(DeltaTxn txn, ParseDeltaTxn(json));
    state->txns[txn.app_id] = txn;
  } else if (kind == "domainMetadata") {
    WEIR_ASSIGN_OR_RETURN(DeltaDomain domain, ParseDeltaDomain(json));
    if (!domain.removed) state->domains[domain.name] = domain;
  } else {
    return absl::FailedPreconditionError(
        "the checkpoint is of the v2 kind (feature v2Checkpoint): set delta.checkpointPolicy to "
        "'classic' and drop the feature, or write to another table");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ReadCheckpointState(const std::string& bytes, DeltaState* state) {
  try {
    return ReadActions(
        bytes, {"protocol", "metaData", "txn", "domainMetadata", "checkpointMetadata", "sidecar"},
        [state](const std::string& kind, const Json& body) {
          return AddToState(kind, Dump(body), state);
        });
  } catch (const std::exception& e) {  // parquet::ParquetException
    return absl::DataLossError(e.what());
  }
}

absl::Status ReadCheckpointFiles(const std::string& bytes,
                                 const std::function<absl::Status(DeltaFileAction)>& each) {
  try {
    return ReadActions(bytes, {"add", "remove"},
                       [&each](const std::string& kind, const Json& body) -> absl::Status {
                         WEIR_ASSIGN_OR_RETURN(DeltaFileAction file,
                                               ParseDeltaFileAction(kind == "add", Dump(body)));
                         return each(std::move(file));
                       });
  } catch (const std::exception& e) {  // parquet::ParquetException
    return absl::DataLossError(e.what());
  }
}

absl::StatusOr<std::unique_ptr<CheckpointWriter>> OpenCheckpointWriter() {
  auto writer = std::make_unique<Writer>();
  WEIR_RETURN_IF_ERROR(writer->Open());
  return writer;
}

}  // namespace weir
