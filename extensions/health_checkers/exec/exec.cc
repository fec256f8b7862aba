#include "extensions/health_checkers/exec/exec.h"

#include <chrono>
#include <set>

#include "extensions/health_checkers/exec/exec_service.h"
#include "extensions/health_checkers/exec/verdict.h"
#include "source/base/concat.h"
#include "source/base/log.h"
#include "source/upstream/cluster.h"

namespace weir::extensions::health_checkers::exec {
namespace {

using upstream::ProbeResult;

constexpr std::chrono::minutes kLogPause{1};

// What the probes of one check have in common. Main-thread only.
struct Common {
  Common(ExecService& service_in, const ExecOptions& options_in, const std::string& cluster_in)
      : service(service_in), options(options_in), cluster(cluster_in) {}

  void complain(const std::string& reason) {
    const auto held_back = limiter.admit(service.dispatcher.now());
    if (!held_back.has_value()) return;
    base::log::warning("health", "cluster \"", cluster, "\": an exec check was skipped: ", reason,
                       *held_back == 0 ? "" : base::concat("; ", *held_back, " more before"));
  }

  ExecService& service;
  const ExecOptions options;
  const std::string cluster;
  base::log::LogLimiter limiter{kLogPause};
};

// Main-thread only.
class ExecProbe final : public upstream::HealthProbe, public event::ProgramListener {
 public:
  ExecProbe(Common& common, const upstream::ProbeTarget& target, upstream::ProbeListener& listener)
      : common_(common), target_(target), listener_(listener) {}
  ~ExecProbe() override { cancel(); }

  void start() override {
    ExecService& service = common_.service;
    event::Program program{.path = common_.options.path, .arguments = common_.options.command};
    program.environment = endpointVariables(common_.cluster, target_);
    program.environment.insert(program.environment.end(), common_.options.environment.begin(),
                               common_.options.environment.end());
    started_ = service.dispatcher.preciseNow();
    run_ = service.runner.run(std::move(program), *this);
    waits_ = true;
    service.waiting.add();
  }
  bool begun() const override { return !waits_; }
  void cancel() override {
    if (run_ == nullptr) return;
    if (!waits_) common_.service.killed.add();
    leave();
  }

 private:
  void onProgramBegun() override {
    const auto waited = common_.service.dispatcher.preciseNow() - started_;
    common_.service.wait_us.record(static_cast<uint64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(waited).count()));
    waits_ = false;
    common_.service.waiting.sub();
    common_.service.running.add();
    listener_.onProbeBegun();
  }

  void onProgramEnded(const event::ProgramResult& result) override {
    leave();
    const bool started = result.started.ok();
    (started ? common_.service.exited : common_.service.not_started).add();
    const ProbeResult verdict = verdictOn(result, common_.options.degraded_exit_code);
    if (verdict.verdict == ProbeResult::Verdict::kSkipped) common_.complain(verdict.reason);
    listener_.onProbeDone(verdict);
  }

  void leave() {
    run_.reset();
    (waits_ ? common_.service.waiting : common_.service.running).sub();
    waits_ = false;
  }

  Common& common_;
  const upstream::ProbeTarget target_;
  upstream::ProbeListener& listener_;
  std::unique_ptr<event::ProgramRunner::Run> run_;  // null: none is under way
  bool waits_ = false;                              // for its turn, and to be started
  event::MonotonicTime started_;
};

// Main-thread only.
class ExecChecker final : public upstream::HealthChecker {
 public:
  ExecChecker(ExecService& service, const ExecOptions& options, const std::string& cluster)
      : common_(service, options, cluster) {}

  std::unique_ptr<upstream::HealthProbe> createProbe(const upstream::ProbeTarget& target,
                                                     upstream::ProbeListener& listener) override {
    return std::make_unique<ExecProbe>(common_, target, listener);
  }

 private:
  Common common_;
};

// "stage/1" -> "WEIR_META_STAGE_1"
std::string metadataVariable(std::string_view name) {
  std::string variable = "WEIR_META_";
  for (const char c : name) {
    const bool lower = c >= 'a' && c <= 'z';
    const bool kept = (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    variable += lower ? static_cast<char>(c - 'a' + 'A') : kept ? c : '_';
  }
  return variable;
}

}  // namespace

std::vector<std::string> endpointVariables(std::string_view cluster,
                                           const upstream::ProbeTarget& target) {
  std::vector<std::string> variables = {base::concat("WEIR_CLUSTER=", cluster),
                                        base::concat("WEIR_ENDPOINT=", target.endpoint->id),
                                        base::concat("WEIR_ADDRESS=", target.address.toString())};
  if (target.address.isIp()) {
    variables.push_back(base::concat("WEIR_IP=", target.address.ip()));
    variables.push_back(base::concat("WEIR_PORT=", target.address.port()));
  }
  std::set<std::string> names;
  for (const auto& [name, value] : target.endpoint->metadata) {
    std::string variable = metadataVariable(name);
    if (!names.insert(variable).second) continue;
    variables.push_back(base::concat(variable, "=", value));
  }
  return variables;
}

std::unique_ptr<upstream::HealthChecker> ExecCheck::create(base::ServiceMap& services,
                                                           const upstream::ClusterConfig& cluster,
                                                           const upstream::CheckSettings&) const {
  return std::make_unique<ExecChecker>(ExecService::of(services, most_), options_, cluster.name);
}

}  // namespace weir::extensions::health_checkers::exec
