// Drives lake/ for the integration tests, whose checkers are readers in Python: one JSON request a
// line on stdin, one JSON answer a line on stdout, so that a test can act between two steps.
//
//   {"do": "prepare", "path": P, "app_id": A, "create": true, "columns": [[name, type, nullable]],
//    "scratch": D}                                       a directory, for tables in object stores
//   {"do": "write", "name": "a.parquet", "rows": [[value, ...], ...]}       the file is remembered
//   {"do": "commit", "version": 3, "files": ["a.parquet"], "weir": {...}}
//   {"do": "rollback", "undo": [[app id, keep], ...], "version": 1, "check_only": false, "weir":
//   {...}}
//   {"do": "check_path", "path": P}
//
// Answers: {"ok": true, ...} or {"ok": false, "code": "FAILED_PRECONDITION", "message": "..."}.
// Values: numbers and texts as JSON; numeric as text; floats also as "NaN", "Infinity",
// "-Infinity"; bytea as text of its bytes; date in days, timestamps in microseconds since 1970.
#include <arrow/api.h>
#include <arrow/util/decimal.h>

#include <iostream>
#include <limits>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "lake/data_file_writer.h"
#include "lake/table_committer.h"
#include "lake/table_roots.h"
#include "lake/table_store.h"

namespace weir {
namespace {

using Json = nlohmann::json;

DataType TypeFromText(const std::string& text) {
  static const auto* const kKinds =
      new std::map<std::string, TypeKind>{{"boolean", TypeKind::kBoolean},
                                          {"smallint", TypeKind::kSmallint},
                                          {"integer", TypeKind::kInteger},
                                          {"bigint", TypeKind::kBigint},
                                          {"real", TypeKind::kReal},
                                          {"double", TypeKind::kDouble},
                                          {"text", TypeKind::kText},
                                          {"bytea", TypeKind::kBytea},
                                          {"date", TypeKind::kDate},
                                          {"timestamp", TypeKind::kTimestamp},
                                          {"timestamptz", TypeKind::kTimestamptz}};
  if (const auto it = kKinds->find(text); it != kKinds->end()) return DataType::Of(it->second);
  int precision = 0, scale = 0;
  WEIR_CHECK(sscanf(text.c_str(), "numeric(%d,%d)", &precision, &scale) == 2, text);
  return DataType::Numeric(precision, scale);
}

double FloatFrom(const Json& value) {
  if (value == "NaN") return std::numeric_limits<double>::quiet_NaN();
  if (value == "Infinity") return std::numeric_limits<double>::infinity();
  if (value == "-Infinity") return -std::numeric_limits<double>::infinity();
  return value.get<double>();
}

arrow::Status Append(const Json& value, arrow::ArrayBuilder* builder) {
  if (value.is_null()) return builder->AppendNull();
  switch (builder->type()->id()) {
    case arrow::Type::BOOL:
      return static_cast<arrow::BooleanBuilder*>(builder)->Append(value.get<bool>());
    case arrow::Type::INT16:
      return static_cast<arrow::Int16Builder*>(builder)->Append(value.get<int16_t>());
    case arrow::Type::INT32:
      return static_cast<arrow::Int32Builder*>(builder)->Append(value.get<int32_t>());
    case arrow::Type::INT64:
      return static_cast<arrow::Int64Builder*>(builder)->Append(value.get<int64_t>());
    case arrow::Type::FLOAT:
      return static_cast<arrow::FloatBuilder*>(builder)->Append(
          static_cast<float>(FloatFrom(value)));
    case arrow::Type::DOUBLE:
      return static_cast<arrow::DoubleBuilder*>(builder)->Append(FloatFrom(value));
    case arrow::Type::STRING:
      return static_cast<arrow::StringBuilder*>(builder)->Append(value.get<std::string>());
    case arrow::Type::BINARY:
      return static_cast<arrow::BinaryBuilder*>(builder)->Append(value.get<std::string>());
    case arrow::Type::DATE32:
      return static_cast<arrow::Date32Builder*>(builder)->Append(value.get<int32_t>());
    case arrow::Type::TIMESTAMP:
      return static_cast<arrow::TimestampBuilder*>(builder)->Append(value.get<int64_t>());
    case arrow::Type::DECIMAL128: {
      arrow::Decimal128 number;
      int32_t precision = 0, scale = 0;
      ARROW_RETURN_NOT_OK(
          arrow::Decimal128::FromString(value.get<std::string>(), &number, &precision, &scale));
      const std::shared_ptr<arrow::DataType> type = builder->type();
      ARROW_ASSIGN_OR_RAISE(
          number, number.Rescale(scale, static_cast<const arrow::Decimal128Type&>(*type).scale()));
      return static_cast<arrow::Decimal128Builder*>(builder)->Append(number);
    }
    default:
      return arrow::Status::NotImplemented(builder->type()->ToString());
  }
}

std::shared_ptr<arrow::RecordBatch> BatchFrom(const Json& rows, const Schema& schema) {
  const auto arrow_schema = ArrowSchema(schema);
  std::vector<std::shared_ptr<arrow::Array>> columns;
  for (int c = 0; c < schema.size(); ++c) {
    const auto builder = arrow::MakeBuilder(arrow_schema->field(c)->type()).ValueOrDie();
    for (const Json& row : rows) {
      const arrow::Status appended = Append(row.at(c), builder.get());
      WEIR_CHECK(appended.ok(), appended.ToString());
    }
    columns.push_back(builder->Finish().ValueOrDie());
  }
  return arrow::RecordBatch::Make(arrow_schema, static_cast<int64_t>(rows.size()), columns);
}

class Tool {
 public:
  absl::StatusOr<Json> Do(const Json& request) {
    const std::string what = request.at("do");
    if (what == "prepare") return Prepare(request);
    if (what == "write") return Write(request);
    if (what == "commit") return Commit(request);
    if (what == "rollback") return Rollback(request);
    WEIR_CHECK(what == "check_path", what);
    WEIR_RETURN_IF_ERROR(
        CheckTablePathWritable(request.at("path").get<std::string>(), TableRoots()));
    return Json::object();
  }

 private:
  absl::StatusOr<Json> Prepare(const Json& request) {
    path_ = request.at("path");
    app_id_ = request.at("app_id");
    Schema schema;
    for (const Json& column : request.at("columns"))
      schema.columns.push_back({column.at(0).get<std::string>(),
                                TypeFromText(column.at(1).get<std::string>()),
                                column.at(2).get<bool>()});
    WEIR_ASSIGN_OR_RETURN(place_,
                          PlaceDataFiles(path_, request.value("scratch", ""), TableRoots()));
    committer_ = MakeDeltaCommitter(path_, TableRoots(), SystemClock(), SystemRandom());
    WEIR_ASSIGN_OR_RETURN(const TableState state,
                          committer_->Prepare(schema, app_id_, request.at("create").get<bool>()));
    schema_ = state.schema;
    Json names = Json::array();
    for (const Column& column : schema_.columns) names.push_back(column.name);
    return Json{{"table_version", state.table_version},
                {"app_version", state.app_version ? Json(*state.app_version) : Json()},
                {"app_ids", state.app_ids},
                {"names", names}};
  }

  absl::StatusOr<Json> Write(const Json& request) {
    const std::string name = request.at("name");
    WEIR_ASSIGN_OR_RETURN(const std::unique_ptr<DataFileWriter> file,
                          OpenDataFile(place_, name, schema_));
    WEIR_RETURN_IF_ERROR(file->Write(*BatchFrom(request.at("rows"), schema_)));
    WEIR_ASSIGN_OR_RETURN(files_[name], file->Close());
    return Json{{"rows", files_[name].rows}, {"stats", files_[name].stats}};
  }

  absl::StatusOr<Json> Commit(const Json& request) {
    TableCommit commit;
    commit.app_id = app_id_;
    commit.version = request.at("version");
    for (const Json& name : request.at("files")) commit.files.push_back(files_.at(name));
    commit.weir_info = request.value("weir", Json::object()).dump();
    WEIR_ASSIGN_OR_RETURN(const CommitResult result, committer_->Commit(commit));
    return Json{{"table_version", result.table_version},
                {"already_there", result.already_there},
                {"rebases", result.rebases}};
  }

  absl::StatusOr<Json> Rollback(const Json& request) {
    TableRollback rollback;
    for (const Json& writer : request.at("undo"))
      rollback.undo.push_back({writer.at(0).get<std::string>(), writer.at(1).get<int64_t>()});
    rollback.app_id = app_id_;
    rollback.version = request.at("version");
    rollback.weir_info = request.value("weir", Json::object()).dump();
    rollback.check_only = request.value("check_only", false);
    WEIR_ASSIGN_OR_RETURN(const RollbackResult result, committer_->Rollback(rollback));
    Json kept = Json::array();
    for (const std::optional<int64_t>& version : result.kept)
      kept.push_back(version ? Json(*version) : Json());
    return Json{{"table_version", result.table_version},
                {"already_there", result.already_there},
                {"files_removed", result.files_removed},
                {"files_restored", result.files_restored},
                {"kept", kept}};
  }

  std::string path_;
  DataFilePlace place_;
  std::string app_id_;
  Schema schema_;
  std::unique_ptr<TableCommitter> committer_;
  std::map<std::string, DataFile> files_;
};

int Main() {
  Tool tool;
  std::string line;
  while (std::getline(std::cin, line)) {
    absl::StatusOr<Json> answer = tool.Do(Json::parse(line));
    Json out = answer.ok() ? *answer : Json::object();
    out["ok"] = answer.ok();
    if (!answer.ok()) {
      out["code"] = absl::StatusCodeToString(answer.status().code());
      out["message"] = std::string(answer.status().message());
    }
    std::cout << out.dump() << std::endl;
  }
  return 0;
}

}  // namespace
}  // namespace weir

int main() { return weir::Main(); }
