#include "extensions/http_filters/tracing/propagation.h"

#include <algorithm>
#include <string>
#include <utility>

#include "source/base/ascii.h"

namespace weir::extensions::http_filters::tracing {
namespace {

using http::HeaderMap;

constexpr std::string_view kTraceparent = "traceparent";
constexpr std::string_view kTracestate = "tracestate";
constexpr std::string_view kB3 = "b3";
constexpr std::string_view kB3TraceId = "x-b3-traceid";
constexpr std::string_view kB3SpanId = "x-b3-spanid";
constexpr std::string_view kB3Parent = "x-b3-parentspanid";
constexpr std::string_view kB3Sampled = "x-b3-sampled";
constexpr std::string_view kB3Flags = "x-b3-flags";
constexpr std::string_view kB3Fields[] = {kB3TraceId, kB3SpanId, kB3Parent, kB3Sampled, kB3Flags};
constexpr size_t kMaxMembers = 32;

int hexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool isHex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return hexDigit(c) >= 0; });
}

bool isZero(std::string_view text) {
  return text.find_first_not_of('0') == std::string_view::npos;
}

// An id of just that many digits.
template <size_t kSize>
bool readId(std::string_view text, std::array<char, kSize>& id) {
  if (text.size() != kSize || !isHex(text) || isZero(text)) return false;
  std::copy(text.begin(), text.end(), id.begin());
  return true;
}

// B3 has trace ids of 64 bits too, which are longer ones with zeros in front.
bool readB3TraceId(std::string_view text, std::array<char, 32>& id) {
  if (text.size() != 16) return readId(text, id);
  std::array<char, 16> low;
  if (!readId(text, low)) return false;
  id.fill('0');
  std::copy(low.begin(), low.end(), id.begin() + 16);
  return true;
}

// The one field of that name; nothing when there are none or several.
std::optional<std::string_view> only(const HeaderMap& fields, std::string_view name) {
  if (fields.count(name) != 1) return std::nullopt;
  return base::trimOws(fields.get(name));
}

std::optional<RemoteContext> readB3Fields(const HeaderMap& fields) {
  RemoteContext context;
  const std::string_view sampled = only(fields, kB3Sampled).value_or("");
  if (sampled == "1" || sampled == "true") context.sampling = Sampling::kYes;
  if (sampled == "0" || sampled == "false") context.sampling = Sampling::kNo;
  if (only(fields, kB3Flags) == "1") {
    context.sampling = Sampling::kYes;
    context.debug = true;
  }
  SpanIds ids;
  if (readB3TraceId(only(fields, kB3TraceId).value_or(""), ids.trace) &&
      readId(only(fields, kB3SpanId).value_or(""), ids.span)) {
    context.ids = ids;
  } else if (context.sampling == Sampling::kUndecided) {
    return std::nullopt;
  }
  return context;
}

// One more piece up to `separator`, which goes too.
std::string_view take(std::string_view& rest, char separator) {
  const size_t end = rest.find(separator);
  const std::string_view piece = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  return piece;
}

bool isStateKey(std::string_view key) {
  const auto small = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  return !key.empty() && key.size() <= 256 && small(key.front()) &&
         std::all_of(key.begin(), key.end(), [&](char c) {
           return small(c) || c == '_' || c == '-' || c == '*' || c == '/' || c == '@';
         });
}

bool isStateValue(std::string_view value) {
  return !value.empty() && value.size() <= 256 && value.back() != ' ' &&
         std::all_of(value.begin(), value.end(),
                     [](char c) { return c >= 0x20 && c <= 0x7e && c != ',' && c != '='; });
}

bool stateIsValid(const HeaderMap& fields) {
  thread_local std::string all;  // keeps its capacity
  all.clear();
  fields.forEach([](const HeaderMap::Field& field) {
    if (!base::equalsIgnoreCase(field.name, kTracestate)) return;
    if (!all.empty()) all.push_back(',');
    all.append(field.value);
  });
  return isTraceState(all);
}

void writeTraceparent(const OutgoingContext& context, HeaderMap& fields) {
  std::array<char, 55> text;
  char* end = text.data();
  const auto put = [&](std::string_view part) { end = std::copy(part.begin(), part.end(), end); };
  put("00-");
  put(context.ids.traceText());
  put("-");
  put(context.ids.spanText());
  put(context.sampled ? "-01" : "-00");
  fields.set(kTraceparent, {text.data(), text.size()});
}

void writeB3(const OutgoingContext& context, HeaderMap& fields) {
  std::array<char, 80> text;
  char* end = text.data();
  const auto put = [&](std::string_view part) { end = std::copy(part.begin(), part.end(), end); };
  put(context.ids.traceText());
  put("-");
  put(context.ids.spanText());
  put(context.debug ? "-d" : context.sampled ? "-1" : "-0");
  if (!context.parent.empty()) {
    put("-");
    put(context.parent);
  }
  fields.set(kB3, {text.data(), static_cast<size_t>(end - text.data())});
}

void writeB3Fields(const OutgoingContext& context, HeaderMap& fields) {
  removeContext(Propagation::kB3Multi, fields);
  fields.add(kB3TraceId, context.ids.traceText());
  fields.add(kB3SpanId, context.ids.spanText());
  if (!context.parent.empty()) fields.add(kB3Parent, context.parent);
  context.debug ? fields.add(kB3Flags, "1") : fields.add(kB3Sampled, context.sampled ? "1" : "0");
}

}  // namespace

std::optional<RemoteContext> readTraceparent(std::string_view value) {
  constexpr size_t kSize = 55;
  if (value.size() < kSize) return std::nullopt;
  const std::string_view version = value.substr(0, 2);
  if (!isHex(version) || version == "ff") return std::nullopt;
  // Later versions may have more behind a dash.
  if (value.size() > kSize && (version == "00" || value[kSize] != '-')) return std::nullopt;
  if (value[2] != '-' || value[35] != '-' || value[52] != '-') return std::nullopt;
  RemoteContext context;
  SpanIds& ids = context.ids.emplace();
  const std::string_view flags = value.substr(53, 2);
  if (!readId(value.substr(3, 32), ids.trace) || !readId(value.substr(36, 16), ids.span) ||
      !isHex(flags)) {
    return std::nullopt;
  }
  context.sampling = (hexDigit(flags[1]) & 1) != 0 ? Sampling::kYes : Sampling::kNo;
  return context;
}

std::optional<RemoteContext> readB3(std::string_view value) {
  RemoteContext context;
  const auto decide = [&](std::string_view state) {
    context.debug = state == "d";
    context.sampling = state == "0" ? Sampling::kNo : Sampling::kYes;
    return state == "0" || state == "1" || state == "d";
  };
  if (value.size() == 1) return decide(value) ? std::optional(context) : std::nullopt;
  SpanIds& ids = context.ids.emplace();
  if (value.ends_with('-') || !readB3TraceId(take(value, '-'), ids.trace) ||
      !readId(take(value, '-'), ids.span)) {
    return std::nullopt;
  }
  if (value.empty()) return context;
  if (!decide(take(value, '-'))) return std::nullopt;
  std::array<char, 16> parent;
  if (!value.empty() && !readId(value, parent)) return std::nullopt;
  return context;
}

bool isTraceState(std::string_view value) {
  std::array<std::string_view, kMaxMembers> keys;
  size_t count = 0;
  while (!value.empty()) {
    std::string_view member = base::trimOws(take(value, ','));
    if (member.empty()) continue;  // allowed, and counts for nothing
    if (count == kMaxMembers || member.find('=') == std::string_view::npos) return false;
    const std::string_view key = take(member, '=');
    if (!isStateKey(key) || !isStateValue(member)) return false;
    if (std::find(keys.begin(), keys.begin() + count, key) != keys.begin() + count) return false;
    keys[count++] = key;
  }
  return true;
}

std::optional<RemoteContext> readContext(Propagation form, const HeaderMap& fields) {
  std::optional<std::string_view> value;
  switch (form) {
    case Propagation::kW3c:
      value = only(fields, kTraceparent);
      return value ? readTraceparent(*value) : std::nullopt;
    case Propagation::kB3:
      value = only(fields, kB3);
      return value ? readB3(*value) : std::nullopt;
    case Propagation::kB3Multi:
      return readB3Fields(fields);
  }
  return std::nullopt;
}

void writeContext(Propagation form, const OutgoingContext& context, bool continued,
                  HeaderMap& fields) {
  switch (form) {
    case Propagation::kW3c:
      writeTraceparent(context, fields);
      if (fields.has(kTracestate) && (!continued || !stateIsValid(fields))) {
        fields.remove(kTracestate);
      }
      return;
    case Propagation::kB3:
      return writeB3(context, fields);
    case Propagation::kB3Multi:
      return writeB3Fields(context, fields);
  }
}

void removeContext(Propagation form, HeaderMap& fields) {
  switch (form) {
    case Propagation::kW3c:
      fields.remove(kTraceparent);
      fields.remove(kTracestate);
      return;
    case Propagation::kB3:
      fields.remove(kB3);
      return;
    case Propagation::kB3Multi:
      for (const std::string_view name : kB3Fields) fields.remove(name);
  }
}

}  // namespace weir::extensions::http_filters::tracing
