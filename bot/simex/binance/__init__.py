"""The Binance dialect: spot and USD-M over REST, market streams, user streams and the websocket API."""
