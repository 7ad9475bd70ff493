// The react-router interface of the package.
export {};
