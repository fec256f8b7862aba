#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "source/event/dispatcher.h"
#include "source/network/dns_resolver.h"

namespace weir::network {

// Whom to ask, and how patiently. Value.
struct DnsOptions {
  // Empty: what the system uses (resolv.conf with its search domains, and before that its hosts
  // file). Else these alone, for names as they are written.
  std::vector<Address> servers;
  std::chrono::milliseconds timeout{2000};  // of the first try; each further round waits twice
  uint32_t tries = 3;                       // of each server
  std::string resolv_conf = "/etc/resolv.conf";
  friend bool operator==(const DnsOptions&, const DnsOptions&) = default;
};

// DnsResolver on c-ares, by UDP, and TCP for answers that are too long. Follows changes of
// resolv.conf: new questions go where it says by then. Main-thread only; outlives nothing.
class AresDnsResolver final : public DnsResolver, private event::TurnEndTask {
 public:
  // `dispatcher` outlives it.
  AresDnsResolver(event::Dispatcher& dispatcher, DnsOptions options);
  ~AresDnsResolver() override;
  const DnsOptions& options() const { return options_; }

  std::unique_ptr<DnsQuery> resolveAddresses(const std::string& name, DnsFamily family,
                                             AddressCallback callback) override;
  std::unique_ptr<DnsQuery> resolveService(const std::string& name,
                                           ServiceCallback callback) override;

 private:
  class Channel;
  class Handle;
  struct Question;
  // When and as what the file was written; another one says that it has changed.
  struct FileVersion {
    int64_t seconds = 0;
    int64_t nanoseconds = 0;
    uint64_t file = 0;
    friend bool operator==(const FileVersion&, const FileVersion&) = default;
  };

  // Where to ask now; nullptr when c-ares cannot be set up.
  Channel* channel();
  FileVersion readVersion() const;
  std::unique_ptr<DnsQuery> begin(std::unique_ptr<Question> question);
  void finished(std::unique_ptr<Question> question);
  void onTurnEnd() override;

  event::Dispatcher& dispatcher_;
  const DnsOptions options_;
  FileVersion version_;
  // The last one is for new questions; those before it still wait for answers.
  std::vector<std::unique_ptr<Channel>> channels_;
  std::vector<std::unique_ptr<Question>> finished_;  // to be told at the end of the turn
  bool* destroyed_ = nullptr;                        // set while callbacks run
};

}  // namespace weir::network
