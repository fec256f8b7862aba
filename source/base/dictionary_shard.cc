#include "source/base/dictionary_shard.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstring>
#include <new>
#include <utility>

namespace weir::base {
namespace {

constexpr uint32_t kNowhere = ~uint32_t{0};
// What is over goes with each write, so many at the most.
constexpr int kDroppedPerWrite = 4;
// Entries that go at once under the lock.
constexpr int kDroppedPerLock = 256;
// An entry moves to the front only when so large a part of the entries was added since it did last.
constexpr uint64_t kMovesPerTurn = 16;

// As glibc's malloc takes them.
constexpr uint64_t bytesOfBlock(uint64_t size) {
  return std::max<uint64_t>(32, (size + 8 + 15) / 16 * 16);
}

}  // namespace

// In one block of memory with its key and text, which stand behind it.
struct DictionaryShard::Entry {
  using Kind = SharedDictionary::Item::Kind;

  Entry* chained;
  Entry* before;
  Entry* behind;
  Moment ends;
  double number;
  uint32_t hash;
  uint32_t capacity;  // for key and text
  uint32_t text_size;
  uint32_t stamp;   // what `added_` was when it moved to the front
  uint32_t ending;  // its place among the endings
  uint16_t key_size;
  Kind kind;
  bool boolean;

  char* bytes() { return reinterpret_cast<char*>(this + 1); }
  std::string_view key() { return {bytes(), key_size}; }
  std::string_view text() { return {bytes() + key_size, text_size}; }
  bool over(Moment now) const { return now >= ends; }
  uint64_t blockBytes() const { return bytesOfBlock(sizeof(Entry) + capacity); }
  // It can take so much without being much too large.
  bool suits(size_t key_bytes, size_t text_bytes) const {
    return key_bytes + text_bytes <= capacity && capacity <= 2 * (key_bytes + text_bytes) + 64;
  }
  static uint64_t blockBytes(size_t key_bytes, size_t text_bytes) {
    return bytesOfBlock(sizeof(Entry) + key_bytes + text_bytes);
  }
};

namespace {

size_t textSize(const SharedDictionary::Value& value) {
  const auto* const text = std::get_if<std::string_view>(&value);
  return text == nullptr ? 0 : text->size();
}

}  // namespace

DictionaryShard::~DictionaryShard() {
  clear();
}

uint64_t DictionaryShard::mostBytesFor(size_t key_bytes, size_t text_bytes) {
  return Entry::blockBytes(key_bytes, text_bytes) + decltype(Contents::chains)::kChunkBytes +
         decltype(Contents::endings)::kChunkBytes;
}

// --- The table of chains ---

DictionaryShard::Entry*& DictionaryShard::chainOf(uint32_t hash) {
  const size_t mask = std::bit_ceil(in_.chains.size()) - 1;
  const size_t index = hash & mask;
  return in_.chains[index < in_.chains.size() ? index : index & (mask >> 1)];
}

// The next chain in turn gives those of its entries to a new one that belong there.
void DictionaryShard::splitChain() {
  const size_t added = in_.chains.size();
  taken_ += in_.chains.bytesToAppend();
  in_.chains.append(nullptr);
  if (added == 0) return;
  Entry* entry = std::exchange(in_.chains[added - std::bit_floor(added)], nullptr);
  while (entry != nullptr) {
    Entry* const next = entry->chained;
    Entry*& chain = chainOf(entry->hash);
    entry->chained = chain;
    chain = entry;
    entry = next;
  }
}

void DictionaryShard::mergeChain() {
  Entry* entry = in_.chains[in_.chains.size() - 1];
  freed_ += in_.chains.removeLast();
  while (entry != nullptr) {
    Entry* const next = entry->chained;
    Entry*& chain = chainOf(entry->hash);
    entry->chained = chain;
    chain = entry;
    entry = next;
  }
}

DictionaryShard::Entry* DictionaryShard::find(std::string_view key, uint32_t hash, Moment now) {
  if (in_.items == 0) return nullptr;
  Entry* entry = chainOf(hash);
  while (entry != nullptr && (entry->hash != hash || entry->key() != key)) entry = entry->chained;
  if (entry == nullptr || !entry->over(now)) return entry;
  erase(*entry);
  ++expired_;
  return nullptr;
}

// --- The list by use ---

void DictionaryShard::linkFront(Entry& entry) {
  entry.before = nullptr;
  entry.behind = in_.front;
  (in_.front == nullptr ? in_.back : in_.front->before) = &entry;
  in_.front = &entry;
  entry.stamp = added_;
}

void DictionaryShard::unlink(Entry& entry) {
  (entry.before == nullptr ? in_.front : entry.before->behind) = entry.behind;
  (entry.behind == nullptr ? in_.back : entry.behind->before) = entry.before;
}

void DictionaryShard::use(Entry& entry) {
  if (added_ - entry.stamp <= in_.items / kMovesPerTurn) return;
  unlink(entry);
  linkFront(entry);
}

// --- The endings ---

void DictionaryShard::place(size_t at, const Ending& ending) {
  in_.endings[at] = ending;
  ending.entry->ending = static_cast<uint32_t>(at);
}

// Puts it at `at`, which is free, or where else it belongs from there.
void DictionaryShard::sift(size_t at, const Ending& ending) {
  const auto& heap = in_.endings;
  while (at > 0 && heap[(at - 1) / 4].when > ending.when) {
    place(at, heap[(at - 1) / 4]);
    at = (at - 1) / 4;
  }
  for (size_t first = 4 * at + 1; first < heap.size(); first = 4 * at + 1) {
    size_t least = first;
    for (size_t i = first + 1; i < std::min(first + 4, heap.size()); ++i) {
      if (heap[i].when < heap[least].when) least = i;
    }
    if (heap[least].when >= ending.when) break;
    place(at, heap[least]);
    at = least;
  }
  place(at, ending);
}

void DictionaryShard::removeEnding(Entry& entry) {
  const size_t at = std::exchange(entry.ending, kNowhere);
  const Ending last = in_.endings[in_.endings.size() - 1];
  freed_ += in_.endings.removeLast();
  if (last.entry != &entry) sift(at, last);
}

void DictionaryShard::setEnd(Entry& entry, Moment ends) {
  entry.ends = ends;
  if (ends == kNever) {
    if (entry.ending != kNowhere) removeEnding(entry);
    return;
  }
  if (entry.ending == kNowhere) {
    taken_ += in_.endings.bytesToAppend();
    in_.endings.append({ends, &entry});
    entry.ending = static_cast<uint32_t>(in_.endings.size() - 1);
  }
  sift(entry.ending, {ends, &entry});
}

bool DictionaryShard::dropFirstEnding(Moment now) {
  if (in_.endings.empty() || in_.endings[0].when > now) return false;
  erase(*in_.endings[0].entry);
  ++expired_;
  return true;
}

// --- Entries ---

void DictionaryShard::erase(Entry& entry) {
  Entry** link = &chainOf(entry.hash);
  while (*link != &entry) link = &(*link)->chained;
  *link = entry.chained;
  unlink(entry);
  if (entry.ending != kNowhere) removeEnding(entry);
  freed_ += entry.blockBytes();
  ::operator delete(&entry);
  --in_.items;
  for (int i = 0; i < 2 && in_.chains.size() > 2 * in_.items; ++i) mergeChain();
}

// With its key and no value; in no list.
DictionaryShard::Entry* DictionaryShard::create(const Write& write) {
  const uint64_t block = Entry::blockBytes(write.key.size(), textSize(write.value));
  taken_ += block;
  auto* const entry = new (::operator new(block - 8)) Entry{};
  entry->hash = write.hash;
  entry->capacity = static_cast<uint32_t>(block - 8 - sizeof(Entry));
  entry->key_size = static_cast<uint16_t>(write.key.size());
  entry->ends = kNever;
  entry->ending = kNowhere;
  std::memcpy(entry->bytes(), write.key.data(), write.key.size());
  return entry;
}

// The value; in another block of memory, if this one does not suit.
void DictionaryShard::put(Entry*& entry, const Write& write) {
  if (!entry->suits(write.key.size(), textSize(write.value))) {
    Entry* const next = create(write);
    const uint32_t capacity = next->capacity;
    Entry* const last = std::exchange(entry, next);
    *next = *last;
    next->capacity = capacity;
    (next->before == nullptr ? in_.front : next->before->behind) = next;
    (next->behind == nullptr ? in_.back : next->behind->before) = next;
    if (next->ending != kNowhere) in_.endings[next->ending].entry = next;
    freed_ += last->blockBytes();
    ::operator delete(last);
  }
  entry->text_size = static_cast<uint32_t>(textSize(write.value));
  if (const auto* const text = std::get_if<std::string_view>(&write.value)) {
    entry->kind = Entry::Kind::kText;
    std::memcpy(entry->bytes() + entry->key_size, text->data(), text->size());
  } else if (const auto* const number = std::get_if<double>(&write.value)) {
    entry->kind = Entry::Kind::kNumber;
    entry->number = *number;
  } else {
    entry->kind = Entry::Kind::kBoolean;
    entry->boolean = std::get<bool>(write.value);
  }
}

// What store() will allocate.
uint64_t DictionaryShard::bytesFor(const Write& write, const Entry* entry) const {
  uint64_t bytes = 0;
  if (write.ends != kNever && (entry == nullptr || entry->ending == kNowhere)) {
    bytes += in_.endings.bytesToAppend();
  }
  if (write.mode == Mode::kLifetime) return bytes;
  if (entry == nullptr && in_.chains.size() <= in_.items) bytes += in_.chains.bytesToAppend();
  if (entry == nullptr || !entry->suits(write.key.size(), textSize(write.value))) {
    bytes += Entry::blockBytes(write.key.size(), textSize(write.value));
  }
  return bytes;
}

void DictionaryShard::store(const Write& write, Entry* entry) {
  if (entry == nullptr) {
    if (in_.chains.size() <= in_.items) splitChain();
    entry = create(write);
    Entry*& chain = chainOf(write.hash);
    entry->chained = chain;
    chain = entry;
    ++in_.items;
    ++added_;
    linkFront(*entry);
  } else {
    use(*entry);
  }
  if (write.mode != Mode::kLifetime) {
    Entry** link = &chainOf(write.hash);
    while (*link != entry) link = &(*link)->chained;
    put(*link, write);
    entry = *link;
  }
  setEnd(*entry, write.ends);
}

// What was freed is the caller's now.
uint64_t DictionaryShard::settle() {
  bytes_.store(bytes_.load(std::memory_order_relaxed) + taken_ - freed_, std::memory_order_relaxed);
  next_end_.store(in_.endings.empty() ? kNever : in_.endings[0].when, std::memory_order_relaxed);
  taken_ = 0;
  return std::exchange(freed_, 0);
}

// --- Operations ---

bool DictionaryShard::get(std::string_view key, uint32_t hash, Moment now,
                          SharedDictionary::Item& item) {
  const std::lock_guard lock(mutex_);
  Entry* const entry = find(key, hash, now);
  if (freed_ > 0) budget_->give(settle());
  if (entry == nullptr) {
    item.kind = Entry::Kind::kNone;
    ++misses_;
    return false;
  }
  ++hits_;
  use(*entry);
  item.kind = entry->kind;
  item.boolean = entry->boolean;
  item.number = entry->number;
  item.text.assign(entry->text());
  return true;
}

namespace {

using Result = SharedDictionary::Result;

Result permitted(const DictionaryShard::Write& write, bool exists, bool is_number) {
  switch (write.mode) {
    case DictionaryShard::Mode::kSet:
      break;
    case DictionaryShard::Mode::kAdd:
      if (exists) return Result::kExists;
      break;
    case DictionaryShard::Mode::kReplace:
    case DictionaryShard::Mode::kLifetime:
      if (!exists) return Result::kMissing;
      break;
    case DictionaryShard::Mode::kIncrement:
      if (!exists && !write.creates) return Result::kMissing;
      if (exists && !is_number) return Result::kNotANumber;
      break;
  }
  return Result::kDone;
}

}  // namespace

uint64_t DictionaryShard::write(Write& write, Result& result) {
  const std::lock_guard lock(mutex_);
  for (int i = 0; i < kDroppedPerWrite && dropFirstEnding(write.now); ++i) {
  }
  Entry* const entry = find(write.key, write.hash, write.now);
  if (freed_ > 0) budget_->give(settle());
  result = permitted(write, entry != nullptr,
                     entry != nullptr && entry->kind == SharedDictionary::Item::Kind::kNumber);
  if (result != Result::kDone) return 0;
  if (write.mode == Mode::kIncrement && entry != nullptr) {
    write.number = entry->number += write.by;
    use(*entry);
    return 0;
  }
  if (write.ends <= write.now) {
    if (entry == nullptr) return 0;
    erase(*entry);
    ++expired_;
  } else {
    const uint64_t wanted = bytesFor(write, entry);
    if (wanted > write.credit) {
      const uint64_t lacking = wanted - write.credit;
      if (!budget_->take(lacking)) return lacking;
      write.credit = wanted;
    }
    store(write, entry);
    write.credit -= taken_;
  }
  budget_->give(settle());
  return 0;
}

Result DictionaryShard::remove(std::string_view key, uint32_t hash, Moment now) {
  const std::lock_guard lock(mutex_);
  Entry* const entry = find(key, hash, now);
  if (entry != nullptr) erase(*entry);
  budget_->give(settle());
  return entry != nullptr ? Result::kDone : Result::kMissing;
}

std::optional<DictionaryShard::Moment> DictionaryShard::endOf(std::string_view key, uint32_t hash,
                                                              Moment now) {
  const std::lock_guard lock(mutex_);
  const Entry* const entry = find(key, hash, now);
  if (freed_ > 0) budget_->give(settle());
  if (entry == nullptr) return std::nullopt;
  return entry->ends;
}

void DictionaryShard::keys(size_t limit, Moment now, std::vector<std::string>& to) {
  const std::lock_guard lock(mutex_);
  for (Entry* entry = in_.front; entry != nullptr && limit > 0; entry = entry->behind) {
    if (entry->over(now)) continue;
    to.emplace_back(entry->key());
    --limit;
  }
}

// The memory goes when the lock is free again.
void DictionaryShard::clear() {
  Contents gone;
  uint64_t bytes = 0;
  {
    const std::lock_guard lock(mutex_);
    gone = std::exchange(in_, Contents());
    bytes = bytes_.exchange(0, std::memory_order_relaxed);
    next_end_.store(kNever, std::memory_order_relaxed);
  }
  for (Entry* entry = gone.front; entry != nullptr;) {
    Entry* const next = entry->behind;
    ::operator delete(entry);
    entry = next;
  }
  gone = {};
  if (bytes > 0) budget_->give(bytes);
}

uint64_t DictionaryShard::evict(uint64_t wanted, Moment now, bool& evicted) {
  const std::lock_guard lock(mutex_);
  for (int i = 0; i < kDroppedPerLock && freed_ < wanted; ++i) {
    if (dropFirstEnding(now)) continue;
    if (in_.back == nullptr) break;
    erase(*in_.back);
    ++evicted_;
    evicted = true;
  }
  return settle();
}

uint64_t DictionaryShard::dropExpired(Moment now) {
  const std::lock_guard lock(mutex_);
  for (int i = 0; i < kDroppedPerLock && dropFirstEnding(now); ++i) {
  }
  return settle();
}

void DictionaryShard::countRefused() {
  const std::lock_guard lock(mutex_);
  ++refused_;
}

void DictionaryShard::addTo(SharedDictionary::Totals& totals) const {
  const std::lock_guard lock(mutex_);
  totals.items += in_.items;
  totals.hits += hits_;
  totals.misses += misses_;
  totals.evicted += evicted_;
  totals.expired += expired_;
  totals.refused += refused_;
}

}  // namespace weir::base
