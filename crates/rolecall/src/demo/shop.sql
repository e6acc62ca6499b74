CREATE TABLE IF NOT EXISTS customer (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name TEXT NOT NULL,
    city TEXT NOT NULL,
    since DATE NOT NULL
);
CREATE TABLE IF NOT EXISTS purchase (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id BIGINT NOT NULL REFERENCES customer (id),
    bought_at TIMESTAMPTZ NOT NULL,
    total NUMERIC(10, 2) NOT NULL
);
INSERT INTO customer (name, city, since)
SELECT (ARRAY['Ada', 'Blaise', 'Carl', 'Dorothy', 'Emmy', 'Fibonacci', 'Grace', 'Hypatia'])[1 + n % 8] || ' ' || n,
    (ARRAY['Lisbon', 'Oslo', 'Prague', 'Zurich'])[1 + n % 4], DATE '2024-01-01' + n
FROM generate_series(1, 200) AS n;
INSERT INTO purchase (customer_id, bought_at, total)
SELECT 1 + n % 200, TIMESTAMPTZ '2025-01-01 08:00+00' + n * INTERVAL '37 minutes', 5 + (n * 7919 % 20000) / 100.0
FROM generate_series(1, 5000) AS n;
CREATE OR REPLACE VIEW revenue_by_city AS
SELECT city, count(*) AS purchases, sum(total) AS revenue
FROM purchase JOIN customer ON customer.id = customer_id GROUP BY city;
