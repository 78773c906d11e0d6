// What the C library's allocator keeps of freed memory.
#ifndef WEIR_BASE_ALLOCATOR_H_
#define WEIR_BASE_ALLOCATOR_H_

namespace weir {

// Sets glibc's malloc up for a process whose resident set is bounded. Once, before other threads.
//
// Arenas: as many as CPUs that the process may use, at least 2. The default is eight for each
// processor of the host, whatever the quota; each keeps what was freed in it (FLINK-39924).
//
// Blocks from 4 MiB on are mapped on their own, and so go back to the system when freed. Left
// alone, the threshold rises to the largest block freed so far, up to 32 MiB, and holes of that
// size stay behind in the arenas. Batches are smaller: mapped anew for each, they cost the kernel's
// zeroing.
void BoundAllocator(double cpus);

// Gives free pages in the middle of arenas back, too: milliseconds under the arenas' locks.
void ReturnFreeMemory();

}  // namespace weir

#endif  // WEIR_BASE_ALLOCATOR_H_
