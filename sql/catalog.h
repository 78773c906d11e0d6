// Tables and views that a script has declared so far.
#ifndef WEIR_SQL_CATALOG_H_
#define WEIR_SQL_CATALOG_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/plan.h"
#include "sql/ast.h"
#include "sql/script.h"

namespace weir {

// CREATE TABLE ... WITH (connector = 'kafka').
struct SourceTable {
  Name name;
  SourceOp op;  // without `output`; event_time_column is an index into op.declared
  BadRowPolicy on_bad_row = BadRowPolicy::kFail;
  std::string dead_letter_path;  // absolute; empty unless the policy is kDeadLetter
};

// CREATE TABLE ... WITH (connector = 'delta').
struct SinkTable {
  Name name;
  Schema schema;
  std::string path;       // absolute
  std::string late_path;  // absolute; empty = late rows are counted only
  int64_t freshness_interval_us = 0;
};

struct View {
  Name name;
  std::vector<std::string> columns;
  std::shared_ptr<SelectNode> select;  // shared with the statement
};

// What a name stands for.
struct CatalogEntry {
  enum class Kind { kSource, kSink, kView };
  Kind kind = Kind::kSource;
  int index = 0;  // into the vector of its kind
};

class Catalog {
 public:
  // `script` outlives the catalog. Relative paths resolve against `base_directory`.
  Catalog(const Script& script, std::string base_directory)
      : script_(script), base_directory_(std::move(base_directory)) {}

  absl::Status Add(const CreateTable& table);
  absl::Status Add(const CreateView& view);
  // Names that statements further down declare, for errors about their order.
  void AnnounceLater(std::vector<Name> names) { later_ = std::move(names); }

  // INVALID_ARGUMENT at the name, with the nearest one, when there is none.
  absl::StatusOr<CatalogEntry> Find(const Name& name) const;

  const std::vector<SourceTable>& sources() const { return sources_; }
  const std::vector<SinkTable>& sinks() const { return sinks_; }
  const std::vector<View>& views() const { return views_; }

 private:
  absl::Status AddName(const Name& name, CatalogEntry entry);
  absl::StatusOr<SourceTable> MakeSource(const CreateTable& table);
  absl::StatusOr<SinkTable> MakeSink(const CreateTable& table);
  absl::StatusOr<Schema> MakeSchema(const CreateTable& table) const;
  // The value of an option that names a table, in its one spelling.
  absl::StatusOr<std::string> NormalPath(const OptionDefinition& option) const;
  // One path, one table: two writers of one table's log would take each other's rows.
  absl::Status ClaimPath(const OptionDefinition& option, const std::string& path);

  struct Entry {
    Name name;
    CatalogEntry entry;
  };
  struct ClaimedPath {
    std::string path;
    int at;
  };

  const Script& script_;
  const std::string base_directory_;
  std::vector<SourceTable> sources_;
  std::vector<SinkTable> sinks_;
  std::vector<View> views_;
  std::vector<Entry> names_;
  std::vector<ClaimedPath> paths_;
  std::vector<Name> later_;
};

// Whether `name`, as a script refers to something, means what is spelt `spelling`.
bool Matches(const Name& name, const std::string& spelling);
// The one of `spellings` that `name` means: the exact one before one that differs in case. -1 =
// none, -2 = several.
int MatchName(const Name& name, const std::vector<std::string>& spellings);

}  // namespace weir

#endif  // WEIR_SQL_CATALOG_H_
