#include "test/fakes/fake_dns_resolver.h"

#include <algorithm>

namespace weir::network {

class FakeDnsResolver::Query final : public DnsQuery {
 public:
  explicit Query(Tell tell) : tell_(std::move(tell)) {}
  ~Query() override { *tell_ = nullptr; }

 private:
  Tell tell_;
};

void FakeDnsResolver::setAddresses(const std::string& name, DnsFamily family,
                                   const std::vector<std::string>& addresses,
                                   std::chrono::seconds ttl) {
  DnsAddresses answer{.failure = DnsFailure::kNone, .addresses = {}, .ttl = ttl};
  for (const std::string& address : addresses) {
    answer.addresses.push_back(
        *Address::parse(family == DnsFamily::kIpv6 ? "[" + address + "]:0" : address + ":0", true));
  }
  if (addresses.empty()) answer.failure = DnsFailure::kNoData;
  failures_.erase(name);
  addresses_[{name, family}] = std::move(answer);
}

void FakeDnsResolver::setServices(const std::string& name, std::vector<DnsService> services,
                                  std::chrono::seconds ttl) {
  failures_.erase(name);
  const DnsFailure failure = services.empty() ? DnsFailure::kNoData : DnsFailure::kNone;
  services_[name] = {.failure = failure, .services = std::move(services), .ttl = ttl};
}

void FakeDnsResolver::setFailure(const std::string& name, DnsFailure failure) {
  failures_[name] = failure;
}

void FakeDnsResolver::setFailure(const std::string& name, DnsFamily family, DnsFailure failure) {
  addresses_[{name, family}] = {.failure = failure, .addresses = {}, .ttl = {}};
}

void FakeDnsResolver::hold(bool hold) {
  held_ = hold;
  if (!hold) answer();
}

int FakeDnsResolver::asked(const std::string& name) const {
  const auto found = asked_.find(name);
  return found == asked_.end() ? 0 : found->second;
}

size_t FakeDnsResolver::waiting() const {
  return static_cast<size_t>(
      std::count_if(waiting_.begin(), waiting_.end(),
                    [](const Question& each) { return *each.tell != nullptr; }));
}

std::unique_ptr<DnsQuery> FakeDnsResolver::resolveAddresses(const std::string& name,
                                                            DnsFamily family,
                                                            AddressCallback callback) {
  return ask(name, [this, name, family, callback = std::move(callback)]() mutable {
    callback(addressesOf(name, family));
  });
}

std::unique_ptr<DnsQuery> FakeDnsResolver::resolveService(const std::string& name,
                                                          ServiceCallback callback) {
  return ask(
      name, [this, name, callback = std::move(callback)]() mutable { callback(servicesOf(name)); });
}

std::unique_ptr<DnsQuery> FakeDnsResolver::ask(const std::string& name,
                                               absl::AnyInvocable<void()> tell) {
  ++asked_[name];
  waiting_.push_back({name, std::make_shared<absl::AnyInvocable<void()>>(std::move(tell))});
  auto query = std::make_unique<Query>(waiting_.back().tell);
  answer();
  return query;
}

void FakeDnsResolver::release(const std::string& name) {
  const auto others = std::stable_partition(
      waiting_.begin(), waiting_.end(), [&](const Question& each) { return each.name != name; });
  std::vector<Question> released(others, waiting_.end());
  waiting_.erase(others, waiting_.end());
  dispatcher_.post([this, released = std::move(released)] { tell(released); });
}

void FakeDnsResolver::answer() {
  if (held_) return;
  dispatcher_.post([this, alive = std::weak_ptr<bool>(alive_)] {
    if (!alive.expired() && !held_) tell(std::exchange(waiting_, {}));
  });
}

void FakeDnsResolver::tell(const std::vector<Question>& questions) {
  const std::weak_ptr<bool> alive = alive_;
  for (const Question& question : questions) {
    if (alive.expired()) return;
    if (*question.tell == nullptr) continue;
    // It may cancel itself, which must not destroy what runs.
    auto told = std::exchange(*question.tell, nullptr);
    told();
  }
}

DnsAddresses FakeDnsResolver::addressesOf(const std::string& name, DnsFamily family) const {
  if (const auto failed = failures_.find(name); failed != failures_.end()) {
    return {.failure = failed->second, .addresses = {}, .ttl = {}};
  }
  if (const auto found = addresses_.find({name, family}); found != addresses_.end()) {
    return found->second;
  }
  return {.failure = DnsFailure::kNoSuchName, .addresses = {}, .ttl = {}};
}

DnsServices FakeDnsResolver::servicesOf(const std::string& name) const {
  if (const auto failed = failures_.find(name); failed != failures_.end()) {
    return {.failure = failed->second, .services = {}, .ttl = {}};
  }
  if (const auto found = services_.find(name); found != services_.end()) return found->second;
  return {.failure = DnsFailure::kNoSuchName, .services = {}, .ttl = {}};
}

}  // namespace weir::network
