// Makes few steps of many: filters as early as they can be, projections merged, nothing computed
// that nobody reads and nothing computed twice.
#ifndef WEIR_SQL_STAGES_H_
#define WEIR_SQL_STAGES_H_

#include <vector>

#include "sql/relation.h"

namespace weir {

// Appends to every projection those of the columns `carried` of `row`, which is beneath the first
// stage, that it lacks, so that what a subquery doesn't select still reaches the end. Returns where
// they are behind the last.
std::vector<int> CarryColumns(const std::vector<int>& carried, const Schema& row,
                              std::vector<Stage>* stages);

// REQUIRES: the last stage is a projection; its columns stay as they are. A projection is merged
// into the one above when each of its computed columns is read at most once there, or can fail and
// is read only in branches (CASE, AND, ...), where it has to be evaluated late. A condition moves
// below a projection when it reads nothing computed there, and past a condition that stays only if
// it can't fail.
void Fuse(std::vector<Stage>* stages);

// Columns of the row beneath that the stages read, ascending.
std::vector<int> ColumnsRead(const std::vector<Stage>& stages);

// Replaces column i of the row beneath by position[i].
void RenumberInput(const std::vector<int>& position, std::vector<Stage>* stages);

}  // namespace weir

#endif  // WEIR_SQL_STAGES_H_
