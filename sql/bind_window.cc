// tumble(t, time, size [, origin]) and hop(t, time, slide, size [, origin]) in FROM.
#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "model/interval.h"
#include "model/options.h"
#include "sql/bind_query.h"
#include "sql/rewrite.h"

namespace weir {
namespace {

// A window of more panes would be merged from too many pieces each time it fires.
constexpr int64_t kPanesMax = 10'000;
constexpr int64_t kWindowMicrosMin = 1'000;

int64_t FloorModulo(int64_t value, int64_t divisor) {
  const int64_t rest = value % divisor;
  return rest < 0 ? rest + divisor : rest;
}

absl::Status RefuseFunction(const Script& script, const AstExpr& call) {
  if (call.text == "session" || call.text == "cumulate") {
    return script.Error(call.at, absl::StrCat("window function ", call.text,
                                              " isn't supported yet; "
                                              "there are tumble and hop"));
  }
  const std::vector<std::string> names = {"tumble", "hop"};
  const std::string near = NearestSpelling(call.text, names);
  return script.Error(call.at,
                      absl::StrCat("window function ", call.text, " doesn't exist; ",
                                   near.empty() ? "there are tumble(table, time, size) and "
                                                  "hop(table, time, slide, size)"
                                                : absl::StrCat("did you mean ", near, "?")));
}

}  // namespace

absl::StatusOr<BoundQuery> QueryBinder::BindWindow(const FromItem& from, const Scope& scope) {
  const AstExpr& call = from.function;
  if (call.text != "hop" && call.text != "tumble") return RefuseFunction(script_, call);
  if (call.star || call.distinct || call.filter != nullptr) {
    return script_.Error(call.at, "*, DISTINCT and FILTER are for aggregates");
  }
  WindowArgs args;
  WEIR_RETURN_IF_ERROR(ReadWindowArgs(call, &args));
  BoundQuery query;
  if (args.table->kind == AstKind::kSubquery) {
    WEIR_ASSIGN_OR_RETURN(query, BindSelect(*args.table->select, scope));
  } else if (args.table->kind == AstKind::kColumn && args.table->path.size() == 1) {
    WEIR_ASSIGN_OR_RETURN(query, BindTable(args.table->path[0], scope));
    query.output.alias = args.table->path[0].text;
  } else {
    return script_.Error(args.table->at,
                         absl::StrCat("the first argument of ", call.text,
                                      " is a table, a view, or a SELECT in parentheses"));
  }
  WEIR_RETURN_IF_ERROR(CheckEventTime(*args.time, query));
  WEIR_ASSIGN_OR_RETURN(query.window, ReadWindow(args));
  query.window_at = call.at;
  WEIR_RETURN_IF_ERROR(AddWindowColumns(args.table->at, &query));
  return query;
}

// Arguments by position, then by name (size => INTERVAL '...').
absl::Status QueryBinder::ReadWindowArgs(const AstExpr& call, WindowArgs* out) const {
  const bool hop = call.text == "hop";
  const std::string usage =
      hop ? "hop(table, time, slide, size[, origin])" : "tumble(table, time, size[, origin])";
  struct Slot {
    std::string_view name;
    const AstExpr** value;
    bool optional = false;
  };
  std::vector<Slot> slots = {{"table", &out->table}, {"time", &out->time}};
  if (hop) slots.push_back({"slide", &out->slide});
  slots.push_back({"size", &out->size});
  slots.push_back({"origin", &out->origin, true});
  size_t position = 0;
  for (const AstExpr& arg : call.args) {
    Slot* slot = nullptr;
    if (arg.kind == AstKind::kNamedArg) {
      for (Slot& known : slots) {
        if (known.name == arg.text) slot = &known;
      }
    } else if (position < slots.size()) {
      slot = &slots[position++];
    }
    if (slot == nullptr || *slot->value != nullptr) {
      return script_.Error(arg.at, absl::StrCat("this argument is too much; write ", usage));
    }
    *slot->value = arg.kind == AstKind::kNamedArg ? &arg.args[0] : &arg;
  }
  for (const Slot& slot : slots) {
    if (*slot.value != nullptr || slot.optional) continue;
    return script_.Error(call.at, absl::StrCat(call.text, " lacks its argument ",
                                               AbslView(slot.name), "; write ", usage));
  }
  return absl::OkStatus();
}

absl::StatusOr<WindowSpec> QueryBinder::ReadWindow(const WindowArgs& args) const {
  WindowSpec window;
  WEIR_ASSIGN_OR_RETURN(window.size_us, WindowDuration(*args.size, "size"));
  window.slide_us = window.size_us;
  if (args.slide != nullptr) {
    WEIR_ASSIGN_OR_RETURN(window.slide_us, WindowDuration(*args.slide, "slide"));
  }
  const std::string size = DurationText(window.size_us);
  const std::string slide = DurationText(window.slide_us);
  if (window.slide_us > window.size_us) {
    return script_.Error(
        args.slide->at,
        absl::StrCat("the slide, ", slide, ", is longer than the size, ", size,
                     ": rows between two windows would belong to none; the order is "
                     "hop(table, time, slide, size)"));
  }
  const int64_t panes = window.size_us / window.pane_us();
  if (panes > kPanesMax) {
    return script_.Error(
        args.size->at,
        absl::StrCat("a window of ", size, " every ", slide, " is made of ", panes, " panes of ",
                     DurationText(window.pane_us()), "; at most ", kPanesMax,
                     " are accepted: choose a slide that divides the size"));
  }
  if (args.origin != nullptr) {
    WEIR_ASSIGN_OR_RETURN(const int64_t origin, WindowOrigin(*args.origin));
    window.origin_us = FloorModulo(origin, window.slide_us);
  }
  return window;
}

absl::Status QueryBinder::AddWindowColumns(int at, BoundQuery* query) const {
  std::vector<RelationColumn>& columns = query->output.columns;
  Stage project{Stage::Kind::kProject, {}, {}};
  for (const RelationColumn& column : columns) {
    const bool taken = absl::EqualsIgnoreCase(column.name, "window_start") ||
                       absl::EqualsIgnoreCase(column.name, "window_end");
    if (taken) {
      return script_.Error(at, absl::StrCat(query->output.alias, " has a column ", column.name,
                                            " already; rename it in a view"));
    }
    project.exprs.push_back(ColumnExpr(static_cast<int>(project.exprs.size()), column.type));
    project.names.push_back(column.name);
  }
  const DataType timestamptz = DataType::Of(TypeKind::kTimestamptz);
  const auto add = [&](const char* name, const char* marker, ColumnRole role) {
    Expr expr;
    expr.kind = ExprKind::kCall;
    expr.type = timestamptz;
    expr.function = marker;
    project.exprs.push_back(std::move(expr));
    project.names.push_back(name);
    columns.push_back({name, timestamptz, false, role});
  };
  add("window_start", kWindowStartMarker, ColumnRole::kWindowStart);
  add("window_end", kWindowEndMarker, ColumnRole::kWindowEnd);
  query->before.push_back(std::move(project));
  return absl::OkStatus();
}

absl::Status QueryBinder::CheckEventTime(const AstExpr& ast, const BoundQuery& query) const {
  const std::string& table = query.output.alias;
  if (query.aggregate.has_value()) {
    return script_.Error(ast.at, "a window over an aggregation isn't supported yet");
  }
  if (query.window.has_value()) {
    return script_.Error(ast.at, "a window over a window isn't supported");
  }
  const SourceTable& source = catalog_.sources()[query.source];
  if (source.op.event_time_column < 0) {
    return script_.Error(ast.at,
                         absl::StrCat("windows need an event time: add event_time = '...' to "
                                      "the options of ",
                                      source.name.text));
  }
  const std::string& event_time = source.op.declared.columns[source.op.event_time_column].name;
  if (ast.kind != AstKind::kColumn) {
    return script_.Error(ast.at, absl::StrCat("the second argument of a window function is the "
                                              "event-time column, ",
                                              event_time));
  }
  ExprBinder binder(script_, query.output, "FROM");
  WEIR_ASSIGN_OR_RETURN(const int column, binder.FindColumn(ast));
  if (query.output.columns[column].role == ColumnRole::kEventTime) return absl::OkStatus();
  return script_.Error(
      ast.at,
      absl::StrCat(query.output.columns[column].name, " isn't the event time of ", source.name.text,
                   ", ", event_time,
                   " is (its option event_time): windows close "
                   "by the watermark, which follows that column",
                   table == source.name.text ? "" : "; a view has to pass it on unchanged"));
}

absl::StatusOr<int64_t> QueryBinder::WindowDuration(const AstExpr& ast,
                                                    std::string_view what) const {
  const Relation nothing;
  ExprBinder binder(script_, nothing, "a window function");
  const DataType interval = DataType::Of(TypeKind::kInterval);
  absl::StatusOr<Bound> bound = binder.Bind(ast);
  const bool literal = bound.ok() && bound->expr.kind == ExprKind::kLiteral &&
                       (bound->untyped || bound->expr.type == interval);
  if (!literal && ast.kind == AstKind::kCast && !bound.ok()) return bound.status();
  if (!literal || bound->expr.literal.is_null()) {
    return script_.Error(ast.at, absl::StrCat("the ", AbslView(what),
                                              " of a window is an interval "
                                              "literal, as in INTERVAL '5 minutes'"));
  }
  WEIR_ASSIGN_OR_RETURN(const Expr value, binder.Coerce(*std::move(bound), interval, what));
  absl::StatusOr<int64_t> micros = FixedMicros(std::get<Interval>(value.literal.data));
  if (!micros.ok()) {
    return script_.Error(
        ast.at, absl::StrCat("the ", AbslView(what), " of a window: ", micros.status().message()));
  }
  if (*micros < kWindowMicrosMin) {
    return script_.Error(ast.at, absl::StrCat("the ", AbslView(what), " of a window is at least ",
                                              DurationText(kWindowMicrosMin)));
  }
  return *micros;
}

absl::StatusOr<int64_t> QueryBinder::WindowOrigin(const AstExpr& ast) const {
  const Relation nothing;
  ExprBinder binder(script_, nothing, "a window function");
  WEIR_ASSIGN_OR_RETURN(Bound bound, binder.Bind(ast));
  const DataType timestamptz = DataType::Of(TypeKind::kTimestamptz);
  const bool literal = bound.expr.kind == ExprKind::kLiteral && !bound.expr.literal.is_null() &&
                       (bound.untyped || bound.expr.type == timestamptz);
  if (!literal) {
    return script_.Error(ast.at,
                         "the origin of a window is a literal, as in "
                         "TIMESTAMPTZ '2024-01-01T06:00:00Z'");
  }
  WEIR_ASSIGN_OR_RETURN(const Expr value, binder.Coerce(std::move(bound), timestamptz, "origin"));
  return std::get<int64_t>(value.literal.data);
}

}  // namespace weir
