#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "source/network/listener_filter.h"
#include "source/stats/stats.h"

namespace weir::extensions::listener_filters::original_dst {

// What has to be asked of the kernel. Immutable.
struct KernelQueries {
  // Where the peer of `fd` wanted to go before its packets were redirected (SO_ORIGINAL_DST);
  // `local` is the descriptor's own address. Family kNone: the kernel does not know.
  std::function<network::Address(int fd, const network::Address& local)> redirected_from;
  // Whether an address is one of this host's.
  std::function<bool(const network::Address&)> is_own_host;

  static KernelQueries real();
};

// Counts on one worker. Worker-confined.
class OriginalDstMetrics {
 public:
  OriginalDstMetrics(const std::string& listener, stats::Store& store, stats::Block& block);

  stats::Cell& found;
  stats::Cell& not_redirected;
  stats::Cell& own_address;
};

// Finds the original destination of one connection. Without redirection the address that the socket
// was accepted on counts (TPROXY keeps it). The listener's own address never does.
// Worker-confined.
class OriginalDstFilter final : public network::ListenerFilter {
 public:
  OriginalDstFilter(const KernelQueries& kernel, OriginalDstMetrics& metrics)
      : kernel_(kernel), metrics_(metrics) {}

  size_t maxBytes(const network::InspectedConnection&) const override { return 0; }
  Step inspect(std::string_view bytes, bool ended, network::InspectedConnection& connection,
               size_t& consume) override;

 private:
  bool isListener(const network::Address& destination, const network::Address& accepted_on,
                  const network::Address& listener) const;

  const KernelQueries& kernel_;
  OriginalDstMetrics& metrics_;
};

// Makes them. Immutable.
class OriginalDstFactory final : public network::ListenerFilterFactory {
 public:
  explicit OriginalDstFactory(std::string listener, KernelQueries kernel = KernelQueries::real())
      : listener_(std::move(listener)), kernel_(std::move(kernel)) {}
  std::unique_ptr<network::WorkerListenerFilterFactory> bind(
      base::ServiceMap& services) const override;

 private:
  const std::string listener_;
  const KernelQueries kernel_;
};

}  // namespace weir::extensions::listener_filters::original_dst
