// Files of the task's cache directory, as RocksDB sees them.
#ifndef WEIR_STATE_KEYED_ROCKS_CACHE_ENV_H_
#define WEIR_STATE_KEYED_ROCKS_CACHE_ENV_H_

namespace rocksdb {
class Env;
}

namespace weir {

// As RocksDB's default, but syncing does nothing: what lies in the cache is disposable, and what is
// to last is synced by the blob store. A fresh database alone would sync ten times, which costs
// more than reading the state. Lives for the process.
rocksdb::Env* RocksCacheEnv();

}  // namespace weir

#endif  // WEIR_STATE_KEYED_ROCKS_CACHE_ENV_H_
