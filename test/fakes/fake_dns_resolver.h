#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "source/event/dispatcher.h"
#include "source/network/dns_resolver.h"

namespace weir::network {

// Answers from a table that the test changes, on the next turn of the dispatcher; or keeps
// questions waiting until the test lets go. Main-thread only.
class FakeDnsResolver final : public DnsResolver {
 public:
  // `dispatcher` outlives it.
  explicit FakeDnsResolver(event::Dispatcher& dispatcher) : dispatcher_(dispatcher) {}

  // What is not set is kNoSuchName.
  void setAddresses(const std::string& name, DnsFamily family,
                    const std::vector<std::string>& addresses,
                    std::chrono::seconds ttl = std::chrono::seconds(60));
  void setServices(const std::string& name, std::vector<DnsService> services,
                   std::chrono::seconds ttl = std::chrono::seconds(60));
  void setFailure(const std::string& name, DnsFailure failure);  // for all kinds of questions
  void setFailure(const std::string& name, DnsFamily family, DnsFailure failure);
  // While true, questions wait.
  void hold(bool hold);
  // Answers those that wait about `name`, though others are held.
  void release(const std::string& name);
  // Questions asked for `name` of all kinds.
  int asked(const std::string& name) const;
  // Those that wait and that nobody has cancelled.
  size_t waiting() const;

  std::unique_ptr<DnsQuery> resolveAddresses(const std::string& name, DnsFamily family,
                                             AddressCallback callback) override;
  std::unique_ptr<DnsQuery> resolveService(const std::string& name,
                                           ServiceCallback callback) override;

 private:
  // Empty once it is told or cancelled.
  using Tell = std::shared_ptr<absl::AnyInvocable<void()>>;
  struct Question {
    std::string name;
    Tell tell;
  };
  class Query;
  std::unique_ptr<DnsQuery> ask(const std::string& name, absl::AnyInvocable<void()> tell);
  void answer();
  void tell(const std::vector<Question>& questions);
  DnsAddresses addressesOf(const std::string& name, DnsFamily family) const;
  DnsServices servicesOf(const std::string& name) const;

  event::Dispatcher& dispatcher_;
  bool held_ = false;
  std::map<std::pair<std::string, DnsFamily>, DnsAddresses> addresses_;
  std::map<std::string, DnsServices> services_;
  std::map<std::string, DnsFailure> failures_;
  std::map<std::string, int> asked_;
  std::vector<Question> waiting_;
  // Tells a posted turn that the resolver is gone.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace weir::network
