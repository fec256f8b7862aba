#include "source/plugin/plugin.h"

#include <algorithm>

#include "source/base/concat.h"
#include "source/base/time.h"
#include "source/plugin/config_type.h"

namespace weir::plugin {
namespace {

weir_kind headOf(const weir_kind* raw) {
  weir_kind head;
  std::memcpy(&head, raw, sizeof head);
  return head;
}

}  // namespace

Kind::Kind(Plugin& plugin, const weir_kind* raw, std::string_view category,
           std::unique_ptr<const ConfigType> config_type)
    : plugin_(plugin),
      raw_(raw),
      head_(headOf(raw)),
      category_(category),
      name_(view(head_.name)),
      about_(view(head_.about)),
      config_type_(std::move(config_type)) {}

Kind::~Kind() = default;

Plugin::Plugin(std::string name) : log_limiter_(std::chrono::seconds(1)) {
  fillHostTable(host_);
  host_.plugin = this;
  rename(std::move(name));
}

Plugin& Plugin::of(const weir_host* host) {
  return *static_cast<const Host*>(host)->plugin;
}

void Plugin::rename(std::string name) {
  area_ = base::concat("plugin ", name);
  facts_.name = std::move(name);
}

void Plugin::fault(std::string_view text) {
  faults_.fetch_add(1, std::memory_order_relaxed);
  const std::lock_guard lock(log_mutex_);
  const auto held_back = log_limiter_.admit(base::coarseNow());
  if (!held_back.has_value()) return;
  base::log::error(area_, text, *held_back > 0 ? base::concat(" (and ", *held_back, " more)") : "");
}

}  // namespace weir::plugin
