#include "source/stats/user_metrics.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"

#include "source/base/concat.h"
#include "source/base/utf8.h"
#include "source/stats/store_state.h"

namespace weir::stats {
namespace {

using base::concat;

// Of all owners together.
constexpr uint32_t kMostSeries = 100'000;

absl::Status invalid(const std::string& what) {
  return absl::InvalidArgumentError(what);
}

// In quotes, for a message: not too long, and nothing that a terminal would obey.
std::string quoted(std::string_view text) {
  std::string shown(text.substr(0, 60));
  for (char& c : shown) {
    if (c < 0x20 || c > 0x7e) c = '?';
  }
  return concat("\"", shown, shown.size() < text.size() ? "…\"" : "\"");
}

bool isWord(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

bool isDigit(char c) {
  return c >= '0' && c <= '9';
}

absl::Status checkName(std::string_view name, std::string_view prefix) {
  if (name.empty()) return invalid("a metric needs a name");
  if (name.size() > UserMetrics::kMaxNameBytes) {
    return invalid(concat("the metric's name ", quoted(name), " is longer than ",
                          UserMetrics::kMaxNameBytes, " bytes"));
  }
  if (!isWord(name) || (prefix.empty() && isDigit(name[0]))) {
    return invalid(concat(quoted(name), " cannot be a metric's name; use a-z, 0-9 and _"));
  }
  return absl::OkStatus();
}

absl::Status checkHelp(std::string_view help) {
  if (help.size() > UserMetrics::kMaxHelpBytes) {
    return invalid(concat("the help text is longer than ", UserMetrics::kMaxHelpBytes, " bytes"));
  }
  return base::isUtf8(help) ? absl::OkStatus() : invalid("the help text is not UTF-8");
}

absl::Status checkLabel(const std::string& name, const std::string& value, Kind kind) {
  if (name.empty() || name.size() > UserMetrics::kMaxNameBytes || !isWord(name) ||
      isDigit(name[0])) {
    return invalid(concat(quoted(name), " cannot be a label's name; use a-z, 0-9 and _, at most ",
                          UserMetrics::kMaxNameBytes, " bytes"));
  }
  if (name.substr(0, 2) == "__" || (kind == Kind::kHistogram && name == "le")) {
    return invalid(concat("the label ", quoted(name), " is Prometheus' own; use another name"));
  }
  if (value.size() > UserMetrics::kMaxValueBytes) {
    return invalid(concat("the value of the label ", quoted(name), " is longer than ",
                          UserMetrics::kMaxValueBytes, " bytes"));
  }
  if (!base::isUtf8(value)) {
    return invalid(concat("the value of the label ", quoted(name), " is not UTF-8"));
  }
  return absl::OkStatus();
}

// `labels` are sorted.
absl::Status checkLabels(const Labels& labels, const Labels& own, Kind kind) {
  if (labels.size() > UserMetrics::kMaxLabels) {
    return invalid(concat("there are ", labels.size(), " labels; at most ", UserMetrics::kMaxLabels,
                          " are possible"));
  }
  for (size_t i = 0; i < labels.size(); ++i) {
    const auto& [name, value] = labels[i];
    const absl::Status status = checkLabel(name, value, kind);
    if (!status.ok()) return status;
    if (i > 0 && labels[i - 1].first == name) {
      return invalid(concat("the label ", quoted(name), " is there twice"));
    }
    for (const auto& [own_name, own_value] : own) {
      if (own_name != name) continue;
      return invalid(
          concat("every metric here has the label ", quoted(name), " already; use another name"));
    }
  }
  return absl::OkStatus();
}

constexpr std::string_view kHistogramSuffixes[] = {"_bucket", "_count", "_sum"};

}  // namespace

struct UserMetrics::State {
  // Any error that is not about text. Under the store's lock.
  absl::Status checkFamily(Kind kind, const std::string& name) const;
  absl::Status checkRoom(Kind kind) const;
  absl::StatusOr<uint32_t> idOf(Kind kind, std::string_view name, std::string_view help,
                                Labels labels);

  Store::State& store;
  const Owner owner;
  // Guarded by the store's lock.
  uint32_t series = 0;
  uint32_t histograms = 0;
};

UserMetrics::UserMetrics(Store& store, Owner owner)
    : state_(new State{*store.state_, std::move(owner)}) {}

UserMetrics::~UserMetrics() = default;

UserMetrics& UserMetrics::of(Store& store, const Owner& owner) {
  Labels labels = owner.labels;
  std::sort(labels.begin(), labels.end());
  const std::string key = owner.prefix + labelText(labels);
  const std::lock_guard lock(store.state_->mutex);
  std::unique_ptr<UserMetrics>& found = store.state_->users[key];
  if (found == nullptr) found = std::make_unique<UserMetrics>(store, owner);
  return *found;
}

absl::Status UserMetrics::State::checkFamily(Kind kind, const std::string& name) const {
  const auto& families = store.families;
  const auto same = families.find(name);
  if (same != families.end()) {
    if (!same->second.of_users) {
      return absl::AlreadyExistsError(concat(quoted(name), " is a metric of Weir's own"));
    }
    if (same->second.kind != kind) {
      return absl::AlreadyExistsError(concat(quoted(name), " is a ", typeName(same->second.kind),
                                             " already, and cannot be a ", typeName(kind)));
    }
    return absl::OkStatus();
  }
  // What a histogram prints has names of its own.
  for (const std::string_view suffix : kHistogramSuffixes) {
    const std::string part = concat(name, suffix);
    if (kind == Kind::kHistogram && families.find(part) != families.end()) {
      return absl::AlreadyExistsError(
          concat(quoted(part), " is a metric, and the histogram ", quoted(name), " would have it"));
    }
    if (!name.ends_with(suffix)) continue;
    const auto whole = families.find(std::string_view(name).substr(0, name.size() - suffix.size()));
    if (whole == families.end() || whole->second.kind != Kind::kHistogram) continue;
    return absl::AlreadyExistsError(
        concat(quoted(name), " belongs to the histogram ", quoted(whole->first)));
  }
  return absl::OkStatus();
}

absl::Status UserMetrics::State::checkRoom(Kind kind) const {
  if (series >= owner.most) {
    return absl::ResourceExhaustedError(
        concat("there are ", owner.most,
               " metrics already, which is the most; do not make names or labels of what clients "
               "send"));
  }
  if (kind == Kind::kHistogram && histograms >= owner.most_histograms) {
    return absl::ResourceExhaustedError(
        concat("there are ", owner.most_histograms, " histograms already, which is the most"));
  }
  if (store.user_series >= kMostSeries) {
    return absl::ResourceExhaustedError(
        concat("all scripts and plugins together have ", kMostSeries, " metrics already"));
  }
  return absl::OkStatus();
}

absl::StatusOr<uint32_t> UserMetrics::State::idOf(Kind kind, std::string_view name,
                                                  std::string_view help, Labels labels) {
  std::sort(labels.begin(), labels.end());
  for (const absl::Status& status :
       {checkName(name, owner.prefix), checkHelp(help), checkLabels(labels, owner.labels, kind)}) {
    if (!status.ok()) return status;
  }
  labels.insert(labels.end(), owner.labels.begin(), owner.labels.end());
  std::sort(labels.begin(), labels.end());
  const std::string full_name = concat(owner.prefix, name);
  const std::string label_text = labelText(labels);

  const std::lock_guard lock(store.mutex);
  absl::Status status = checkFamily(kind, full_name);
  if (!status.ok()) return status;
  const auto family = store.families.find(full_name);
  if (family != store.families.end()) {
    const auto known = family->second.series.find(label_text);
    if (known != family->second.series.end()) return known->second;
  }
  status = checkRoom(kind);
  if (!status.ok()) return status;
  ++series;
  ++store.user_series;
  if (kind == Kind::kHistogram) ++histograms;
  if (kind == Kind::kSharedGauge) store.shared_gauges.emplace_back();
  auto& made = store.families.try_emplace(full_name, Store::State::Family{kind, std::string(help)})
                   .first->second;
  made.of_users = true;
  return store.seriesOf(made, label_text);
}

absl::StatusOr<CounterId> UserMetrics::counter(std::string_view name, std::string_view help,
                                               Labels labels) {
  const auto id = state_->idOf(Kind::kCounter, name, help, std::move(labels));
  if (!id.ok()) return id.status();
  return CounterId{*id};
}

absl::StatusOr<HistogramId> UserMetrics::histogram(std::string_view name, std::string_view help,
                                                   Labels labels) {
  const auto id = state_->idOf(Kind::kHistogram, name, help, std::move(labels));
  if (!id.ok()) return id.status();
  return HistogramId{*id};
}

absl::StatusOr<SharedGauge*> UserMetrics::gauge(std::string_view name, std::string_view help,
                                                Labels labels) {
  const auto id = state_->idOf(Kind::kSharedGauge, name, help, std::move(labels));
  if (!id.ok()) return id.status();
  const std::lock_guard lock(state_->store.mutex);
  return &state_->store.shared_gauges[*id];
}

uint32_t UserMetrics::count() const {
  const std::lock_guard lock(state_->store.mutex);
  return state_->series;
}

}  // namespace weir::stats
