#pragma once

#include <chrono>
#include <memory>
#include <string_view>
#include <vector>

#include "source/upstream/grouped_balancer.h"

namespace weir::upstream {

// What a balancer is told of an endpoint.
struct Report {
  std::chrono::milliseconds took;
  bool success;
  bool operator==(const Report&) const = default;
};

// Notes what it is told of endpoints.
class Listening final : public AlgorithmFactory {
 public:
  explicit Listening(std::vector<Report>& reports) : reports_(reports) {}
  std::string_view name() const override { return "listening"; }
  std::unique_ptr<Algorithm> createAlgorithm(const BalancerContext&) const override {
    return std::make_unique<Ear>(reports_);
  }

 private:
  class Ear final : public Algorithm {
   public:
    explicit Ear(std::vector<Report>& reports) : reports_(reports) {}
    void onGroup(const HostSet&, const HostGroup& group, const HostLoads&) override {
      host_ = group.hosts.front();
    }
    Pick pick(const PickContext&) override { return Pick::endpoint(host_); }
    void onResponse(uint32_t, std::chrono::microseconds took, bool success,
                    event::MonotonicTime) override {
      reports_.push_back({std::chrono::duration_cast<std::chrono::milliseconds>(took), success});
    }

   private:
    std::vector<Report>& reports_;
    uint32_t host_ = 0;
  };
  std::vector<Report>& reports_;
};

}  // namespace weir::upstream
