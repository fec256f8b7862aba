#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace weir::base {

// Values by key that all threads share: what scripts and plugins count, cache and agree upon.
//
// Every operation is atomic. The keys are spread over shards with a lock each, by a hash with a key
// of this dictionary, so that nobody who chooses keys can make them meet. Bytes are bounded and
// honestly counted: entries with their keys and texts, hash tables, expiry heaps, and what malloc
// adds. When there is no room, what has expired goes first, then what was used longest ago: in the
// shard of the new entry if that has its share, else in the largest. The order of use is kept to a
// sixteenth of a shard's entries. There is no thread behind it: what has expired is found by
// whoever meets it, and a few more with each write. An entry takes about 80 bytes beside its key
// and text, 16 more with a ttl. Thread-safe.
class SharedDictionary {
 public:
  using Time = std::chrono::steady_clock::time_point;  // event::MonotonicTime
  using Ttl = std::optional<std::chrono::milliseconds>;

  static constexpr uint64_t kLeastBytes = uint64_t{64} << 10;
  static constexpr uint64_t kMostBytes = uint64_t{16} << 30;
  static constexpr size_t kMaxKeyBytes = 65'535;
  static constexpr size_t kMaxTextBytes = size_t{16} << 20;

  // What is put in; a text is copied.
  using Value = std::variant<bool, double, std::string_view>;

  enum class Result : uint8_t {
    kDone,
    kDoneEvicting,  // done, and other entries that had not expired had to go for it
    kExists,        // add(): nothing changed
    kMissing,       // there is no such key, or it has expired: nothing changed
    kNotANumber,    // incr() of a text or boolean: nothing changed
    // Key or value are over their limits, or larger than the whole dictionary: nothing changed.
    kTooLarge,
    // Writers on other threads took what was freed for it, again and again. Nothing was written.
    kNoRoom,
  };
  static constexpr bool done(Result result) {
    return result == Result::kDone || result == Result::kDoneEvicting;
  }
  // "no such key"; for kDone "done".
  static std::string_view text(Result result);

  // What is read. One that is used again allocates only for a text longer than all before.
  struct Item {
    enum class Kind : uint8_t { kNone, kBoolean, kNumber, kText };
    Kind kind = Kind::kNone;
    bool boolean = false;
    double number = 0;
    std::string text;
  };

  // `max_bytes` is brought within the limits above. The number of shards follows from it, once.
  SharedDictionary(std::string name, uint64_t max_bytes);
  ~SharedDictionary();
  SharedDictionary(const SharedDictionary&) = delete;
  SharedDictionary& operator=(const SharedDictionary&) = delete;

  const std::string& name() const { return name_; }
  uint64_t maxBytes() const;
  // What no longer fits is evicted at once.
  void setMaxBytes(uint64_t max_bytes);

  // `ttl`: not given, for ever; zero or less, it has expired at once. `now` is the caller's clock
  // (Dispatcher::now()); all callers' must be of the same kind.

  // False, and kNone, when there is none.
  bool get(std::string_view key, Time now, Item& item);
  Result set(std::string_view key, const Value& value, Ttl ttl, Time now);
  // Only where there is none: else kExists.
  Result add(std::string_view key, const Value& value, Ttl ttl, Time now);
  // Only where there is one: else kMissing.
  Result replace(std::string_view key, const Value& value, Ttl ttl, Time now);

  struct Incremented {
    Result result = Result::kMissing;
    double value = 0;  // afterwards; only when done
  };
  // Adds `by`, which may be negative; when it ends is left as it is. Where there is none:
  // kMissing, or with `init`, it becomes init + by and lives for `init_ttl`.
  Incremented incr(std::string_view key, double by, std::optional<double> init, Ttl init_ttl,
                   Time now);
  // kDone or kMissing.
  Result remove(std::string_view key, Time now);

  struct Lifetime {
    bool found = false;
    Ttl left;  // not given: for ever
  };
  Lifetime lifetime(std::string_view key, Time now);
  // From now on. kDone or kMissing.
  Result setLifetime(std::string_view key, Ttl ttl, Time now);

  // Appends at most `limit` keys that have not expired, in no order. Locks one shard after the
  // other, each while its keys are copied: ask for thousands, not for millions.
  void keys(size_t limit, Time now, std::vector<std::string>& to);
  // Forgets all. These are not counted as evictions.
  void clear();

  struct Totals {
    uint64_t items = 0;  // with expired ones that nobody met
    uint64_t bytes = 0;
    uint64_t max_bytes = 0;
    uint64_t hits = 0;
    uint64_t misses = 0;
    uint64_t evicted = 0;
    uint64_t expired = 0;
    uint64_t refused = 0;  // kTooLarge and kNoRoom
  };
  Totals totals() const;
  uint64_t size() const { return totals().items; }

 private:
  struct State;

  const std::string name_;
  std::unique_ptr<State> state_;
};

// The dictionaries of the running configuration, by name: a service of every worker and of the main
// thread. An extension that names a dictionary in its configuration takes it from
// config::Compiler::sharedDictionary() instead, which keeps it and reports a name that is not
// there. Thread-safe.
class SharedDictionaries {
 public:
  using List = std::vector<std::shared_ptr<SharedDictionary>>;

  // nullptr when there is none; what was found stays usable when it is taken out.
  std::shared_ptr<SharedDictionary> find(std::string_view name) const;
  // Sorted by name.
  List all() const;
  void assign(List dictionaries);

 private:
  mutable std::mutex mutex_;
  List list_;  // sorted
};

}  // namespace weir::base
