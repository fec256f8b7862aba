#include "extensions/health_checkers/tcp/tcp.h"

#include <utility>

#include "extensions/health_checkers/common/connection_probe.h"
#include "source/base/concat.h"

namespace weir::extensions::health_checkers::tcp {
namespace {

using Verdict = upstream::ProbeResult::Verdict;
using Progress = ExpectationReader::Progress;

// Main-thread only.
class TcpProbe final : public ConnectionProbe {
 public:
  TcpProbe(upstream::ProbeConnections& connections, const TcpOptions& options,
           const upstream::ProbeTarget& target, upstream::ProbeListener& listener)
      : ConnectionProbe(connections, target, listener),
        options_(options),
        reader_(options.expect) {}
  ~TcpProbe() override { release(); }

 private:
  void ask(bool fresh) override;
  void read(buffer::Buffer& data, bool end_stream) override;
  void close(upstream::ProbeConnection& connection) override;

  const TcpOptions& options_;
  ExpectationReader reader_;
};

void TcpProbe::ask(bool) {
  reader_ = ExpectationReader(options_.expect);
  if (!options_.send.empty()) {
    connection().network().output().append(options_.send);
    connection().network().outputReady();
  }
  if (options_.expect.empty()) done({Verdict::kHealthy}, /*keep=*/false);
}

void TcpProbe::read(buffer::Buffer& data, bool end_stream) {
  Progress progress = Progress::kMore;
  while (!data.empty() && progress == Progress::kMore) {
    progress = reader_.read(data.front());
    data.drain(data.front().size());
  }
  data.clear();
  switch (progress) {
    case Progress::kFound:
      return done({Verdict::kHealthy}, /*keep=*/false);
    case Progress::kNever:
      return failed(base::concat(reader_.missing(), " is not in the first ", kMostAnswerBytes,
                                 " bytes of the answer"));
    case Progress::kMore:
      if (end_stream) failed(base::concat("closed without saying ", reader_.missing()));
      return;
  }
}

// Whatever the endpoint still says is taken, until it has closed as well: so it gets no RST.
void TcpProbe::close(upstream::ProbeConnection& connection) {
  connection.leave(network::CloseMode::kFlush);
}

}  // namespace

TcpChecker::TcpChecker(base::ServiceMap& services, const upstream::ClusterConfig& cluster,
                       const upstream::CheckSettings& settings,
                       std::shared_ptr<const TcpOptions> options)
    : options_(std::move(options)), connections_(services, cluster, settings) {}

std::unique_ptr<upstream::HealthProbe> TcpChecker::createProbe(const upstream::ProbeTarget& target,
                                                               upstream::ProbeListener& listener) {
  return std::make_unique<TcpProbe>(connections_, *options_, target, listener);
}

}  // namespace weir::extensions::health_checkers::tcp
