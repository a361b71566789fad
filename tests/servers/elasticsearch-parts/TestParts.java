/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TestParts.java - for tests only. The Elasticsearch that Maven Central has
 * comes without two modules: without rest-root there is no GET /, and without
 * analysis-common the index of users and roles cannot be made. This plugin
 * gives GET / and the three analysis parts which that index names. Who may do
 * what is decided by the real x-pack security.
 *
 * elasticsearch-up drops the lines that are for the other major version.
 */
package testparts;

import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.regex.Pattern;

import org.apache.lucene.analysis.TokenStream;
import org.apache.lucene.analysis.Tokenizer;
import org.apache.lucene.analysis.email.UAX29URLEmailTokenizer;
import org.apache.lucene.analysis.miscellaneous.RemoveDuplicatesTokenFilter;
import org.apache.lucene.analysis.pattern.PatternCaptureGroupTokenFilter;
import org.elasticsearch.Build;
import org.elasticsearch.client.internal.node.NodeClient;
import org.elasticsearch.cluster.metadata.IndexNameExpressionResolver; // only 8
import org.elasticsearch.cluster.node.DiscoveryNodes;
import org.elasticsearch.common.io.stream.NamedWriteableRegistry; // only 8
import org.elasticsearch.common.settings.ClusterSettings; // only 8
import org.elasticsearch.common.settings.IndexScopedSettings; // only 8
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.common.settings.SettingsFilter; // only 8
import org.elasticsearch.features.NodeFeature;
import org.elasticsearch.index.analysis.AbstractTokenFilterFactory;
import org.elasticsearch.index.analysis.AbstractTokenizerFactory;
import org.elasticsearch.index.analysis.TokenFilterFactory;
import org.elasticsearch.index.analysis.TokenizerFactory;
import org.elasticsearch.indices.analysis.AnalysisModule.AnalysisProvider;
import org.elasticsearch.plugins.ActionPlugin;
import org.elasticsearch.plugins.AnalysisPlugin;
import org.elasticsearch.plugins.Plugin;
import org.elasticsearch.rest.BaseRestHandler;
import org.elasticsearch.rest.RestController; // only 8
import org.elasticsearch.rest.RestHandler;
import org.elasticsearch.rest.RestRequest;
import org.elasticsearch.rest.RestResponse;
import org.elasticsearch.rest.RestStatus;
import org.elasticsearch.xcontent.XContentBuilder;

public class TestParts extends Plugin implements ActionPlugin, AnalysisPlugin {
	private final Settings settings;

	public TestParts(Settings settings) {
		this.settings = settings;
	}

	private static class Captures extends AbstractTokenFilterFactory {
		private final Pattern[] patterns;
		private final boolean keeps;

		Captures(String name, Settings s) {
			super(name, s); // only 8
			super(name); // only 9
			patterns = s.getAsList("patterns").stream().map(Pattern::compile).toArray(Pattern[]::new);
			keeps = s.getAsBoolean("preserve_original", true);
		}

		@Override
		public TokenStream create(TokenStream in) {
			return new PatternCaptureGroupTokenFilter(in, keeps, patterns);
		}
	}

	private static class Unique extends AbstractTokenFilterFactory {
		Unique(String name, Settings s) {
			super(name, s); // only 8
			super(name); // only 9
		}

		@Override
		public TokenStream create(TokenStream in) {
			return new RemoveDuplicatesTokenFilter(in);
		}
	}

	@Override
	public Map<String, AnalysisProvider<TokenFilterFactory>> getTokenFilters() {
		return Map.of(
			"pattern_capture", AnalysisPlugin.requiresAnalysisSettings(
				(index, environment, name, s) -> new Captures(name, s)),
			"unique", (index, environment, name, s) -> new Unique(name, s));
	}

	@Override
	public Map<String, AnalysisProvider<TokenizerFactory>> getTokenizers() {
		return Map.of("uax_url_email", (index, environment, name, s) ->
			new AbstractTokenizerFactory(index, s, name) { // only 8
			new AbstractTokenizerFactory(name) { // only 9
				@Override
				public Tokenizer create() {
					return new UAX29URLEmailTokenizer();
				}
			});
	}

	private class Root extends BaseRestHandler {
		@Override
		public String getName() {
			return "test_parts_root";
		}

		@Override
		public List<Route> routes() {
			return List.of(new Route(RestRequest.Method.GET, "/"), new Route(RestRequest.Method.HEAD, "/"));
		}

		@Override
		protected RestChannelConsumer prepareRequest(RestRequest request, NodeClient client) {
			return channel -> {
				XContentBuilder answer = channel.newBuilder().startObject();
				answer.field("name", settings.get("node.name"));
				answer.field("cluster_name", settings.get("cluster.name"));
				answer.startObject("version");
				answer.field("number", Build.current().qualifiedVersion());
				answer.field("build_flavor", Build.current().flavor());
				answer.endObject();
				answer.field("tagline", "You Know, for Search");
				channel.sendResponse(new RestResponse(RestStatus.OK, answer.endObject()));
			};
		}
	}

	@Override
	public Collection<RestHandler> getRestHandlers(
		Settings all, NamedWriteableRegistry names, RestController controller, // only 8
		ClusterSettings cluster, IndexScopedSettings index, SettingsFilter filter, // only 8
		IndexNameExpressionResolver resolver, // only 8
		RestHandlersServices services, // only 9
		Supplier<DiscoveryNodes> nodes, Predicate<NodeFeature> features) {
		return List.of(new Root());
	}
}
