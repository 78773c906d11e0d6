// Cost of expressions per row, over batches of 8,192 rows of a text, a double and a bigint column.
#include <benchmark/benchmark.h>

#include <string>
#include <utility>
#include <vector>

#include "arrow/api.h"
#include "base/log.h"
#include "model/batch.h"
#include "model/functions.h"
#include "operators/expr/evaluator.h"

namespace weir {
namespace {

const DataType kText = DataType::Of(TypeKind::kText);
const DataType kDouble = DataType::Of(TypeKind::kDouble);
const DataType kBigint = DataType::Of(TypeKind::kBigint);
const DataType kBoolean = DataType::Of(TypeKind::kBoolean);
const Schema kSchema = {{{"event", kText}, {"amount", kDouble}, {"n", kBigint}}};

std::shared_ptr<arrow::RecordBatch> MakeBatch() {
  const char* const events[] = {"purchase", "view", "click", "refund", "login"};
  arrow::StringBuilder event;
  arrow::DoubleBuilder amount;
  arrow::Int64Builder n;
  for (int i = 0; i < kBatchRows; ++i) {
    WEIR_CHECK(event.Append(events[i * 7919 % 5]).ok());
    WEIR_CHECK((i % 50 == 0 ? amount.AppendNull() : amount.Append(i * 0.37)).ok());
    WEIR_CHECK(n.Append(i % 1000).ok());
  }
  return arrow::RecordBatch::Make(
      ArrowSchema(kSchema), kBatchRows,
      {event.Finish().ValueOrDie(), amount.Finish().ValueOrDie(), n.Finish().ValueOrDie()});
}

Expr ColumnOf(int index) {
  Expr expr;
  expr.kind = ExprKind::kColumn;
  expr.type = kSchema.columns[index].type;
  expr.column = index;
  return expr;
}

template <class T>
Expr Literal(const DataType& type, T value) {
  Expr expr;
  expr.type = type;
  expr.literal = {type, std::move(value)};
  return expr;
}

Expr Text(const char* text) { return Literal(kText, std::string(text)); }
Expr Number(int64_t value) { return Literal(kBigint, value); }

Expr Make(ExprKind kind, const DataType& type, std::vector<Expr> args) {
  Expr expr;
  expr.kind = kind;
  expr.type = type;
  expr.args = std::move(args);
  return expr;
}

Expr Call(const char* id, std::vector<Expr> args) {
  std::vector<DataType> types;
  for (const Expr& arg : args) types.push_back(arg.type);
  Expr expr = Make(ExprKind::kCall, ResultType(*FindFunction(id), types), std::move(args));
  expr.function = id;
  return expr;
}

void BM_Expr(benchmark::State& state, const Expr& expr) {
  const auto batch = MakeBatch();
  auto evaluator = Evaluator::Compile(expr, kSchema);
  WEIR_CHECK(evaluator.ok(), evaluator.status().ToString());
  for (auto _ : state) {
    Evaluator::Result result = evaluator->Evaluate(*batch);
    benchmark::DoNotOptimize(result.values);
  }
  state.SetItemsProcessed(state.iterations() * kBatchRows);
}

const Expr kEvent = ColumnOf(0), kAmount = ColumnOf(1), kN = ColumnOf(2);
const Expr kIsPurchase = Call("eq(text,text)", {kEvent, Text("purchase")});
const Expr kIsLarge = Call("gt(double,double)", {kAmount, Literal(kDouble, 10.0)});

BENCHMARK_CAPTURE(BM_Expr, column, kEvent);
BENCHMARK_CAPTURE(BM_Expr, text_equals, kIsPurchase);
BENCHMARK_CAPTURE(BM_Expr, double_greater, kIsLarge);
BENCHMARK_CAPTURE(BM_Expr, both, Make(ExprKind::kAnd, kBoolean, {kIsPurchase, kIsLarge}));
BENCHMARK_CAPTURE(BM_Expr, bigint_add, Call("add(bigint,bigint)", {kN, Number(10)}));
BENCHMARK_CAPTURE(BM_Expr, bigint_divide, Call("divide(bigint,bigint)", {kN, Number(10)}));
BENCHMARK_CAPTURE(BM_Expr, double_multiply,
                  Call("multiply(double,double)", {kAmount, Literal(kDouble, 1.1)}));
BENCHMARK_CAPTURE(BM_Expr, like_prefix, Call("like(text,text)", {kEvent, Text("pur%")}));
BENCHMARK_CAPTURE(BM_Expr, regexp_like, Call("regexp_like(text,text)", {kEvent, Text("^p.*e$")}));
BENCHMARK_CAPTURE(BM_Expr, upper, Call("upper(text)", {kEvent}));
BENCHMARK_CAPTURE(BM_Expr, coalesce,
                  Make(ExprKind::kCoalesce, kDouble, {kAmount, Literal(kDouble, 0.0)}));
BENCHMARK_CAPTURE(BM_Expr, case_divide,
                  Make(ExprKind::kCase, kBigint,
                       {Call("gt(bigint,bigint)", {kN, Number(500)}),
                        Call("divide(bigint,bigint)", {Number(1000), kN}), Number(0)}));

}  // namespace
}  // namespace weir
