#include "source/server/admin_events.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "source/base/concat.h"
#include "source/base/suggest.h"
#include "source/control/health_event_json.h"
#include "source/server/server.h"

namespace weir::server {
namespace {

using base::concat;
using control::HealthEvent;
using control::HealthEvents;
using std::chrono::milliseconds;

constexpr milliseconds kLongestWait{60'000};
constexpr uint64_t kMostEvents = 10'000;
constexpr uint64_t kUsualEvents = 1'000;

// What is asked for. Value.
struct Wanted {
  uint64_t since = 0;
  uint64_t limit = kUsualEvents;
  std::string cluster;   // empty: any
  std::string endpoint;  // empty: any
  std::optional<HealthEvent::Kind> kind;

  bool matches(const HealthEvent& event) const {
    return event.sequence > since && (cluster.empty() || event.cluster == cluster) &&
           (endpoint.empty() || event.endpoint == endpoint) && (!kind || event.kind == *kind);
  }
};

// "30s", "500ms", "30" (seconds).
std::optional<milliseconds> parseWait(std::string_view text) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || number > 1'000'000) return std::nullopt;
  const std::string_view unit = text.substr(static_cast<size_t>(end - text.data()));
  if (unit == "ms") return milliseconds(number);
  if (unit.empty() || unit == "s") return std::chrono::seconds(number);
  return std::nullopt;
}

std::optional<HealthEvent::Kind> parseKind(std::string_view name, std::vector<std::string>& known) {
  std::optional<HealthEvent::Kind> found;
  for (const HealthEvent::Kind kind : control::kEventKinds) {
    if (eventName(kind) == name) found = kind;
    known.emplace_back(eventName(kind));
  }
  return found;
}

// Those that are kept, the oldest first. `last` is what to ask for the next time.
AdminReply replyOf(const HealthEvents& events, const Wanted& wanted) {
  std::string body;
  uint64_t count = 0;
  uint64_t last = events.lastSequence();
  const auto& kept = events.kept();
  auto next = std::upper_bound(
      kept.begin(), kept.end(), wanted.since,
      [](uint64_t since, const HealthEvent& event) { return since < event.sequence; });
  for (; next != kept.end(); ++next) {
    if (!wanted.matches(*next)) continue;
    if (count == wanted.limit) {
      last = std::prev(next)->sequence;
      break;
    }
    body += concat(count++ > 0 ? ",\n" : "\n", healthEventJson(*next));
  }
  const uint64_t oldest = kept.empty() ? 0 : kept.front().sequence;
  return {.body = concat("{\"last\": ", last, ", \"oldest\": ", oldest, ", \"events\": [", body,
                         count > 0 ? "\n" : "", "]}\n")};
}

bool anyMatches(const HealthEvents& events, const Wanted& wanted) {
  return std::any_of(events.kept().begin(), events.kept().end(),
                     [&](const HealthEvent& event) { return wanted.matches(event); });
}

// Answers with the first event that is wanted, and those that come in the same turn, or when the
// time is over. Main-thread only.
class EventWait final : public LaterReply {
 public:
  EventWait(Server& server, Wanted wanted, milliseconds wait)
      : server_(server), wanted_(std::move(wanted)), wait_(wait), place_(server.eventWaits()) {}

  void start(Give give) override {
    give_ = std::move(give);
    timer_ = server_.dispatcher().createTimer([this] { give_(reply()); });
    timer_->start(wait_);
    listening_ = server_.routing().events().listen([this](const HealthEvent& event) {
      if (wanted_.matches(event)) timer_->start(milliseconds(0));
    });
  }

 private:
  AdminReply reply() const { return replyOf(server_.routing().events(), wanted_); }

  Server& server_;
  const Wanted wanted_;
  const milliseconds wait_;
  const EventWaits::Place place_;
  Give give_;
  std::unique_ptr<event::Timer> timer_;
  std::shared_ptr<void> listening_;
};

// The error, or nothing.
std::optional<AdminReply> readWanted(const AdminRequest& request, const HealthEvents& events,
                                     Wanted& wanted) {
  wanted.cluster = queryValue(request, "cluster");
  wanted.endpoint = queryValue(request, "endpoint");
  for (const auto& [name, value] : {std::pair("since", &wanted.since), {"limit", &wanted.limit}}) {
    if (!request.query.contains(name)) continue;
    const std::optional<uint64_t> number = queryNumber(request, name);
    if (!number) {
      return adminError(400, concat(name, " \"", queryValue(request, name), "\" is no number"));
    }
    *value = *number;
  }
  if (wanted.limit == 0 || wanted.limit > kMostEvents) {
    return adminError(400, concat("limit is 1 to ", kMostEvents));
  }
  // Of a process that was there before this one.
  if (wanted.since > events.lastSequence()) wanted.since = 0;
  const std::string_view kind = queryValue(request, "kind");
  if (kind.empty()) return std::nullopt;
  std::vector<std::string> known;
  wanted.kind = parseKind(kind, known);
  if (wanted.kind) return std::nullopt;
  std::string names;
  for (const std::string& name : known) names += (names.empty() ? "" : ", ") + name;
  return adminError(400, concat("kind \"", kind, "\" is not known", base::didYouMean(kind, known),
                                "; known: ", names));
}

}  // namespace

AdminReply showEvents(Server& server, const AdminRequest& request) {
  const HealthEvents& events = server.routing().events();
  Wanted wanted;
  if (auto error = readWanted(request, events, wanted)) return std::move(*error);
  milliseconds wait{0};
  if (request.query.contains("wait")) {
    const auto asked = parseWait(queryValue(request, "wait"));
    if (!asked || *asked > kLongestWait) {
      return adminError(400, concat("wait \"", queryValue(request, "wait"),
                                    "\" is not understood; use 500ms, 30s, at most 60s"));
    }
    wait = *asked;
  }
  if (wait.count() == 0 || anyMatches(events, wanted)) return replyOf(events, wanted);
  if (server.eventWaits().full()) {
    return adminError(503, concat("too many requests wait for events, ", EventWaits::kMost,
                                  " may; ask again later"));
  }
  AdminReply reply;
  reply.later = std::make_unique<EventWait>(server, std::move(wanted), wait);
  return reply;
}

}  // namespace weir::server
