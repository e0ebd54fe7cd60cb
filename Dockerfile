# Evenkeel in a container: `docker build -t evenkeel .`. docs/production.md tells how to run it.

FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
# No scripts: `prepare` would build before the sources are there.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src src
RUN npx tsc -p tsconfig.build.json

# What runs, in the locked versions: no dev dependencies, but the optional peers, which are the clients of Celery's brokers.
FROM node:24-slim AS modules
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm pkg delete devDependencies peerDependenciesMeta && npm install --ignore-scripts --no-audit --no-fund

FROM node:24-slim
# Beyond the container the dashboard is served with EVENKEEL_TOKEN only: without it `up` refuses to start.
ENV NODE_ENV=production EVENKEEL_WEB=0.0.0.0:4600
WORKDIR /app
COPY package.json LICENSE ./
COPY bin bin
COPY sql sql
COPY web web
COPY --from=modules /app/node_modules node_modules
COPY --from=build /app/dist/src dist/src
# The invariants are yours: mount them at /app/invariants, or copy them there in an image built on this one.
USER node
EXPOSE 4600
# Alive is not ready: a database that is down is no reason to restart (/readyz tells).
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s CMD ["node", "-e", "const [port] = /[0-9]+$/.exec(process.env.EVENKEEL_WEB) ?? process.exit(0); fetch(`http://127.0.0.1:${port}/healthz`).then(r => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "bin/evenkeel.js"]
CMD ["up"]
