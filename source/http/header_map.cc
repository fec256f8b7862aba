#include "source/http/header_map.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "source/base/ascii.h"

namespace weir::http {
namespace {

constexpr std::array<std::string_view, static_cast<size_t>(HeaderId::kCount)> kNames = {
    "",
    "accept",
    "accept-encoding",
    "authorization",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "date",
    "etag",
    "expect",
    "host",
    "if-modified-since",
    "if-none-match",
    "keep-alive",
    "last-modified",
    "location",
    "proxy-connection",
    "range",
    "referer",
    "server",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "vary",
    "via",
    "x-forwarded-client-cert",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-request-id",
};

// A perfect hash of the length and two letters, whose case bit falls off the sum's low five bits.
// That it is perfect was found by trying; the static_assert below keeps it so.
constexpr size_t kSlots = 256;
constexpr size_t slotOf(std::string_view name) {
  const auto letter = [&](size_t i) -> size_t { return static_cast<unsigned char>(name[i]); };
  return ((letter(0) + letter(name.size() / 2)) & 0x1f) | (name.size() & 7) << 5;
}

struct Slots {
  std::array<HeaderId, kSlots> ids{};
  bool perfect = true;
};
constexpr Slots makeSlots() {
  Slots slots;
  for (size_t i = 1; i < kNames.size(); ++i) {
    HeaderId& slot = slots.ids[slotOf(kNames[i])];
    if (slot != HeaderId::kOther) slots.perfect = false;
    slot = static_cast<HeaderId>(i);
  }
  return slots;
}
constexpr Slots kSlotTable = makeSlots();
static_assert(kSlotTable.perfect, "two well-known names share a slot: change slotOf()");

// Whether `text` is `name`, which is made of lower-case letters and '-', in any case. Letters have
// bit 0x40 and may come without 0x20; '-' has to match as it is. A Word at a time, the last ones
// overlapping; both have at least that many bytes.
template <class Word>
bool isNameByWords(std::string_view text, std::string_view name) {
  constexpr Word kLetterBits = static_cast<Word>(0x4040404040404040);
  const size_t last = name.size() - sizeof(Word);
  for (size_t i = 0;;) {
    Word wanted;
    Word found;
    std::memcpy(&wanted, name.data() + i, sizeof(Word));
    std::memcpy(&found, text.data() + i, sizeof(Word));
    if ((found | ((wanted & kLetterBits) >> 1)) != wanted) return false;
    if (i == last) return true;
    i = std::min(i + sizeof(Word), last);
  }
}

bool isName(std::string_view text, std::string_view name) {
  if (text.size() != name.size()) return false;
  if (name.size() >= 8) return isNameByWords<uint64_t>(text, name);
  if (name.size() >= 4) return isNameByWords<uint32_t>(text, name);
  return base::equalsIgnoreCase(text, name);
}

}  // namespace

std::string_view headerName(HeaderId id) {
  return kNames[static_cast<size_t>(id)];
}

HeaderId headerId(std::string_view name) {
  if (name.empty()) return HeaderId::kOther;
  const HeaderId candidate = kSlotTable.ids[slotOf(name)];
  return isName(name, headerName(candidate)) ? candidate : HeaderId::kOther;
}

void HeaderMap::reset() {
  used_ = live_ = bytes_ = 0;
  repeated_ = 0;
  first_.fill(kNone);
}

uint16_t HeaderMap::find(std::string_view name, size_t from) const {
  for (size_t i = from; i < used_; ++i) {
    if (!fields_[i].removed && base::equalsIgnoreCase(fields_[i].name, name)) {
      return static_cast<uint16_t>(i);
    }
  }
  return kNone;
}

std::string_view HeaderMap::get(std::string_view name) const {
  if (const HeaderId id = headerId(name); id != HeaderId::kOther) return get(id);
  const uint16_t index = find(name, 0);
  return index == kNone ? std::string_view() : fields_[index].value;
}

bool HeaderMap::has(std::string_view name) const {
  if (const HeaderId id = headerId(name); id != HeaderId::kOther) return has(id);
  return find(name, 0) != kNone;
}

size_t HeaderMap::count(HeaderId id) const {
  size_t count = 0;
  forEach(id, [&](const Field&) { ++count; });
  return count;
}

size_t HeaderMap::count(std::string_view name) const {
  if (const HeaderId id = headerId(name); id != HeaderId::kOther) return count(id);
  size_t count = 0;
  for (size_t i = find(name, 0); i != kNone; i = find(name, i + 1)) ++count;
  return count;
}

void HeaderMap::add(std::string_view name, std::string_view value) {
  const HeaderId id = headerId(name);
  addView(id, arena_->copy(name), arena_->copy(value));
}

void HeaderMap::add(HeaderId id, std::string_view value) {
  addView(id, headerName(id), arena_->copy(value));
}

bool HeaderMap::grow() {
  if (capacity_ >= kNone) return false;
  const size_t wanted = std::clamp<size_t>(capacity_ * 2, 16, kNone);
  auto larger = std::make_unique<Field[]>(wanted);
  std::copy_n(fields_.get(), used_, larger.get());
  fields_ = std::move(larger);
  capacity_ = wanted;
  return true;
}

void HeaderMap::replace(size_t index, std::string_view value) {
  Field& field = fields_[index];
  bytes_ = bytes_ - field.value.size() + value.size();
  field.value = value;
  field.line = false;
}

void HeaderMap::set(HeaderId id, std::string_view value) {
  setView(id, arena_->copy(value));
}

void HeaderMap::setView(HeaderId id, std::string_view value) {
  const uint16_t index = first_[static_cast<size_t>(id)];
  if (index == kNone) return addView(id, headerName(id), value);
  replace(index, value);
  if (!repeated(id)) return;
  for (size_t i = index + size_t{1}; i < used_; ++i) {
    if (!fields_[i].removed && fields_[i].id == id) removeAt(i);
  }
}

void HeaderMap::set(std::string_view name, std::string_view value) {
  if (const HeaderId id = headerId(name); id != HeaderId::kOther) return set(id, value);
  const uint16_t index = find(name, 0);
  if (index == kNone) return add(name, value);
  replace(index, arena_->copy(value));
  for (size_t i = find(name, index + size_t{1}); i != kNone; i = find(name, i + 1)) removeAt(i);
}

size_t HeaderMap::removeAll(HeaderId id) {
  size_t removed = 0;
  for (uint16_t i = first_[static_cast<size_t>(id)]; i != kNone;
       i = first_[static_cast<size_t>(id)]) {
    removeAt(i);
    ++removed;
  }
  return removed;
}

size_t HeaderMap::remove(std::string_view name) {
  if (const HeaderId id = headerId(name); id != HeaderId::kOther) return remove(id);
  size_t removed = 0;
  for (size_t i = find(name, 0); i != kNone; i = find(name, i + 1)) {
    removeAt(i);
    ++removed;
  }
  return removed;
}

void HeaderMap::removeAt(size_t index) {
  Field& field = fields_[index];
  field.removed = true;
  --live_;
  bytes_ -= field.name.size() + field.value.size();
  uint16_t& first = first_[static_cast<size_t>(field.id)];
  if (first != index) return;
  first = kNone;
  if (!repeated(field.id)) return;
  for (size_t i = index + 1; i < used_; ++i) {
    if (!fields_[i].removed && fields_[i].id == field.id) {
      first = static_cast<uint16_t>(i);
      return;
    }
  }
}

}  // namespace weir::http
