#include "sql/compile.h"

#include <algorithm>
#include <set>
#include <variant>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/duration.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "model/options.h"
#include "sql/bind_query.h"
#include "sql/catalog.h"
#include "sql/large_stack.h"
#include "sql/parse.h"
#include "sql/planner.h"
#include "sql/script.h"
#include "sql/table_options.h"

namespace weir {
namespace {

class Compiler {
 public:
  Compiler(const Script& script, const CompileOptions& options)
      : script_(script), catalog_(script, options.base_directory), binder_(script, catalog_) {}

  absl::StatusOr<CompiledScript> Run();

 private:
  absl::Status Visit(const Statement& statement);
  absl::Status Set(const OptionDefinition& option);
  absl::Status AddInsert(const Insert& insert, int at);
  absl::Status CheckUnread();
  // Once: what a view holds is bound wherever it is read.
  void Warn(int at, std::string_view message) {
    std::string warning = absl::StrCat(script_.Place(at), ": ", AbslView(message));
    std::vector<std::string>& all = result_.warnings;
    if (std::find(all.begin(), all.end(), warning) == all.end()) all.push_back(std::move(warning));
  }
  void AnnounceNames(const std::vector<Statement>& statements, size_t from);

  const Script& script_;
  Catalog catalog_;
  QueryBinder binder_;
  CompiledScript result_;
  JobSettings settings_;
  std::map<std::string, int> set_at_;  // setting → where it was set
  std::vector<PlannedInsert> inserts_;
  std::set<int> sources_read_;
  std::set<int> sinks_written_;
  std::set<int> sinks_with_windows_;
};

absl::StatusOr<CompiledScript> Compiler::Run() {
  WEIR_ASSIGN_OR_RETURN(const std::vector<Statement> statements, ParseScript(script_));
  for (size_t i = 0; i < statements.size(); ++i) {
    AnnounceNames(statements, i + 1);
    WEIR_RETURN_IF_ERROR(Visit(statements[i]));
  }
  if (inserts_.empty()) {
    return script_.Error(static_cast<int>(script_.filled().size()),
                         "the script has no INSERT: a job is one or more INSERT INTO <table> "
                         "SELECT ... over the tables it declares");
  }
  WEIR_RETURN_IF_ERROR(CheckUnread());
  WEIR_ASSIGN_OR_RETURN(result_.plan, MakePlan(script_, catalog_, std::move(inserts_)));
  result_.plan.settings = settings_;
  result_.filled_script = script_.filled();
  return std::move(result_);
}

void Compiler::AnnounceNames(const std::vector<Statement>& statements, size_t from) {
  std::vector<Name> names;
  for (size_t i = from; i < statements.size(); ++i) {
    if (const auto* table = std::get_if<CreateTable>(&statements[i].node)) {
      names.push_back(table->name);
    } else if (const auto* view = std::get_if<CreateView>(&statements[i].node)) {
      names.push_back(view->name);
    }
  }
  catalog_.AnnounceLater(std::move(names));
}

absl::Status Compiler::Visit(const Statement& statement) {
  if (const auto* table = std::get_if<CreateTable>(&statement.node)) return catalog_.Add(*table);
  if (const auto* set = std::get_if<SetOption>(&statement.node)) return Set(set->option);
  if (const auto* insert = std::get_if<Insert>(&statement.node)) {
    return AddInsert(*insert, statement.at);
  }
  const CreateView& view = std::get<CreateView>(statement.node);
  WEIR_RETURN_IF_ERROR(catalog_.Add(view));
  // Now, so that its errors come in the order of the script, whether or not something reads it.
  return binder_.CheckView(catalog_.views().back());
}

absl::Status Compiler::Set(const OptionDefinition& option) {
  const OptionSchema* schema = FindOption(JobOptions(), option.name);
  if (schema == nullptr) {
    return script_.Error(option.at, UnknownOption("a setting", option.name, JobOptions()));
  }
  if (absl::Status ok = CheckOptionValue(*schema, option.value); !ok.ok()) {
    return script_.Error(option.value_at, StdView(ok.message()));
  }
  const auto [known, is_new] = set_at_.emplace(option.name, option.at);
  if (!is_new) {
    return script_.Error(option.at, absl::StrCat(option.name, " is set twice; first on ",
                                                 script_.Place(known->second)));
  }
  int count = 0;
  if (option.name == "checkpoint_interval") {
    WEIR_ASSIGN_OR_RETURN(settings_.checkpoint_interval_us, ParseDuration(option.value));
  } else if (!absl::SimpleAtoi(option.value, &count)) {
    return script_.Error(option.value_at, "a setting's value is a whole number");
  } else if (option.name == "parallelism") {
    settings_.parallelism = count;
  } else {
    settings_.retain_checkpoints = count;
  }
  return absl::OkStatus();
}

absl::Status Compiler::AddInsert(const Insert& insert, int at) {
  if (!inserts_.empty() && insert.explain != result_.explain_only) {
    return script_.Error(at,
                         "a script either runs its INSERTs or explains them: write EXPLAIN in "
                         "front of all of them or of none");
  }
  result_.explain_only = insert.explain;
  WEIR_ASSIGN_OR_RETURN(BoundInsert bound, binder_.BindInsert(insert));
  sources_read_.insert(bound.query.source);
  sinks_written_.insert(bound.sink);
  if (bound.query.aggregate.has_value()) sinks_with_windows_.insert(bound.sink);
  inserts_.push_back({std::move(bound), at});
  return absl::OkStatus();
}

absl::Status Compiler::CheckUnread() {
  for (const QueryBinder::Warning& warning : binder_.warnings()) Warn(warning.at, warning.message);
  for (size_t i = 0; i < catalog_.sources().size(); ++i) {
    const SourceTable& source = catalog_.sources()[i];
    if (sources_read_.count(static_cast<int>(i)) > 0) continue;
    Warn(source.name.at, absl::StrCat("no INSERT reads table ", source.name.text));
  }
  for (const View& view : catalog_.views()) {
    if (binder_.views_read().count(view.name.text) > 0) continue;
    Warn(view.name.at, absl::StrCat("nothing reads view ", view.name.text));
  }
  for (size_t i = 0; i < catalog_.sinks().size(); ++i) {
    const SinkTable& sink = catalog_.sinks()[i];
    if (sinks_written_.count(static_cast<int>(i)) == 0) {
      Warn(sink.name.at, absl::StrCat("no INSERT writes table ", sink.name.text));
    } else if (!sink.late_path.empty() && sinks_with_windows_.count(static_cast<int>(i)) == 0) {
      Warn(sink.name.at, absl::StrCat("late_path of ", sink.name.text,
                                      " stays empty: rows are late "
                                      "only for windows, and no INSERT into it has one"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<CompiledScript> Compile(std::string_view text, const CompileOptions& options) {
  WEIR_ASSIGN_OR_RETURN(const Script script, Script::Fill(text, options.variables));
  return Compiler(script, options).Run();
}

}  // namespace

absl::StatusOr<CompiledScript> CompileScript(std::string_view script,
                                             const CompileOptions& options) {
  absl::StatusOr<CompiledScript> result = absl::UnknownError("not run");
  WEIR_RETURN_IF_ERROR(RunOnLargeStack([&] { result = Compile(script, options); }));
  return result;
}

}  // namespace weir
